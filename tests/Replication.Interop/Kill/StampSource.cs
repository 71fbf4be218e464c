namespace Replication.Interop.Kill;

/// <summary>Numbers that no two writes of a test share. Stamp 0 is the first content.</summary>
internal sealed class StampSource
{
    private int _last;

    public int Next() => Interlocked.Increment(ref _last);
}
