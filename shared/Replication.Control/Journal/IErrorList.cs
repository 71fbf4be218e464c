namespace Replication.Control.Journal;

/// <summary>A node's errors: each stays, across restarts too, until somebody acknowledges it.</summary>
public interface IErrorList
{
    /// <summary>The unacknowledged errors, oldest first.</summary>
    IReadOnlyList<RecordedError> List();

    /// <summary>Acknowledges the error with this number, or all of them.</summary>
    /// <param name="seq">The number; 0: all.</param>
    /// <returns>How many were acknowledged: 0 where there is no such error.</returns>
    int Acknowledge(ulong seq);
}
