namespace Replication.Control.Journal;

/// <summary>The journal's files cannot be used; one line that says why.</summary>
internal sealed class JournalException(string message, Exception? inner = null) : IOException(message, inner);
