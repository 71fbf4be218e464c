namespace Replication.Controller.Drill;

/// <summary>The pair did not do what it must: the verdict is "failed", and this is why.</summary>
internal sealed class DrillException(string message, Exception? inner = null) : Exception(message, inner);
