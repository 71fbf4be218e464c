namespace Replication.Qmp;

/// <summary>Named limits of this project, each with its reason.</summary>
internal static class Limits
{
    /// <summary>Clients of one door: each has a buffer, a queue and a task. A manager, a person and a script are three.</summary>
    public const int Clients = 32;

    /// <summary>What is received at once: commands are short.</summary>
    public const int ReceiveBytes = 16 << 10;

    /// <summary>The longest JSON value that a client may send: a transaction over hundreds of disks and bitmaps has a hundredth of it.</summary>
    public const int ValueBytes = 1 << 20;

    /// <summary>A client's buffer that has grown beyond this for one long value is given back after it.</summary>
    public const int KeptBytes = 64 << 10;

    /// <summary>Objects and arrays within each other: parser, checker and writer recurse, and the deepest command has some ten.</summary>
    public const int Nesting = 128;

    /// <summary>Events that wait for a client that does not read; beyond it the client is closed. Some ten thousand: who reads has none waiting.</summary>
    public const int QueuedBytes = 2 << 20;

    /// <summary>How long the end of the door waits for a client to take what is written for it.</summary>
    public static readonly TimeSpan SendGrace = TimeSpan.FromSeconds(2);

    /// <summary>The rest after an accept that failed for want of descriptors or memory: it would fail again at once.</summary>
    public static readonly TimeSpan AcceptRest = TimeSpan.FromMilliseconds(100);
}
