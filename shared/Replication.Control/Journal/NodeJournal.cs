using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>
/// A node's journal: its events and its errors, in the folder <c>journal</c> of the state directory, written by one thread.
/// </summary>
internal sealed class NodeJournal : INodeJournal, IDisposable
{
    private readonly FileStream _lockFile;
    private readonly EventLog _events;
    private readonly ErrorList _errors;
    private readonly JournalThread _thread;
    private readonly Action<string> _trouble;
    private string? _lastTrouble; // The journal's thread alone: one line for one trouble, not one a second.

    private NodeJournal(FileStream lockFile, EventLog events, ErrorList errors, Action<string> trouble)
    {
        (_lockFile, _events, _errors, _trouble) = (lockFile, events, errors, trouble);
        _thread = new JournalThread(Write);
        _events.Queued = _thread.Signal;
    }

    public IEventStream Events => _events;

    public IErrorList Errors => _errors;

    public string? OldestError => _errors.OldestText;

    public static string DirectoryOf(string stateDirectory) => Path.Combine(stateDirectory, "journal");

    /// <param name="stateDirectory">Where the journal's folder is, or is made.</param>
    /// <param name="bootId">Of the running kernel: after another one, the newest numbers may be lost.</param>
    /// <param name="time">The clock.</param>
    /// <param name="trouble">Gets one line when the files cannot be written.</param>
    /// <exception cref="JournalException">The journal is in use, damaged or another version's.</exception>
    public static NodeJournal Open(string stateDirectory, string bootId, TimeProvider time, Action<string> trouble)
    {
        string directory = DirectoryOf(stateDirectory);
        Directory.CreateDirectory(directory);
        FileStream lockFile = Lock(Path.Combine(directory, "lock"), stateDirectory);
        try
        {
            return new NodeJournal(lockFile, EventLog.Open(directory, bootId, time), ErrorList.Open(Path.Combine(directory, "errors.json"), time), trouble);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    public void Publish(string type, params ReadOnlySpan<(string Name, object Value)> fields) => _events.Publish(type, fields);

    public void Report(FailureReport failure)
    {
        _errors.Record(failure, PublishError);
        _thread.Signal();
    }

    public void SettleDifferences(string disk, string settled)
    {
        _errors.SettleDifferences(disk, settled);
        _thread.Signal();
    }

    /// <summary>Writes what is left, as far as the disk lets it, and ends the readers' streams.</summary>
    public void Dispose()
    {
        _thread.Dispose();
        _errors.Save(out _, force: true);
        _events.Dispose();
        _lockFile.Dispose();
    }

    // FileShare.None is an flock, which goes with the process however it ends.
    private static FileStream Lock(string path, string stateDirectory)
    {
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new JournalException($"state directory {stateDirectory} is in use by another process", e);
        }
    }

    private ulong PublishError(FailureReport failure) => _events.Publish(
        EventTypes.Error, ("case", (int)failure.Case), ("disk", failure.Disk), ("offsetBytes", failure.OffsetBytes), ("lengthBytes", failure.LengthBytes),
        ("errno", failure.Errno), ("epoch", failure.Epoch), ("message", failure.Text), ("advice", Advice.For(failure)));

    private TimeSpan? Write()
    {
        TimeSpan? events = _events.WriteQueued(out string? trouble);
        TimeSpan? errors = _errors.Save(out string? errorTrouble);
        Tell(trouble ?? errorTrouble);
        return events is null || errors < events ? errors : events;
    }

    private void Tell(string? trouble)
    {
        if (trouble is not null && trouble != _lastTrouble)
            _trouble(trouble);
        _lastTrouble = trouble;
    }
}
