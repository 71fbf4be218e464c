namespace Replication.Control;

/// <summary>Every bound of this project, with its reason.</summary>
internal static class Limits
{
    /// <summary>A configuration file is written by a person: more is a mistake (a disk image given by accident), and is not read into memory.</summary>
    public const int ConfigurationFileBytes = 1 << 20;

    /// <summary>
    /// File names are made of a disk's name and up to 40 bytes more, and Linux ends file names at 255 bytes. NBD recommends 256 for an export's.
    /// </summary>
    public const int NameBytes = 200;

    /// <summary>Disks of one group. A VM has a handful; each costs a few descriptors for its overlays and a link with its buffers.</summary>
    public const int Disks = 64;

    /// <summary>Addresses of one listener. Each is a thread.</summary>
    public const int ListenAddresses = 16;

    /// <summary>sun_path holds 108 bytes with its final zero.</summary>
    public const int UnixPathBytes = 107;

    /// <summary>What is quoted of a value in a message: enough to recognise it, and one line.</summary>
    public const int QuotedCharacters = 120;

    /// <summary>Events that are kept at the least: the contract's number.</summary>
    public const int EventsKept = 10_000;

    /// <summary>Events of one segment. Half of what is kept: two full segments and the one being written make at most one and a half times as much.</summary>
    public const int EventsPerSegment = EventsKept / 2;

    /// <summary>Events published and not yet written. At a state directory that hangs, what comes then is counted and reported as lost.</summary>
    public const int EventQueue = 4096;

    /// <summary>One event as a line. A longer one loses its fields, so that the log's size is bounded (60 MiB at the very worst, 2 MiB as a rule).</summary>
    public const int EventLineBytes = 4096;

    /// <summary>
    /// Numbers that are skipped where the last ones used are not known (loss of power): more than can have been written since the last flush.
    /// </summary>
    public const ulong EventNumbersSkipped = 1 << 20;

    /// <summary>Errors listed at once: more than one for each of the seven cases on each disk. Further ones are counted on the newest of their kind.</summary>
    public const int ErrorsListed = 1024;
}
