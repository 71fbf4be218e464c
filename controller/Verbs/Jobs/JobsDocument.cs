namespace Replication.Controller.Verbs.Jobs;

/// <summary>Jobs as the JSON shows them.</summary>
internal sealed record JobsDocument(IReadOnlyList<JobDocument> Jobs);
