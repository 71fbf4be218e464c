namespace Replication.Controller.Verbs.Fleeces;

/// <summary>Fleeces as the JSON shows them.</summary>
internal sealed record FleecesDocument(IReadOnlyList<FleeceDocument> Fleeces);
