namespace Replication.Nbd;

/// <summary>An export cannot be added or removed; the message is one line that names it.</summary>
public sealed class NbdExportException(string message) : Exception(message);
