namespace Replication.Controller.Verbs.Jobs;

/// <summary>Dirty bitmaps as the JSON shows them.</summary>
internal sealed record BitmapsDocument(IReadOnlyList<BitmapDocument> Bitmaps);
