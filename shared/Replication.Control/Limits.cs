namespace Replication.Control;

/// <summary>Every bound of this project, with its reason.</summary>
internal static class Limits
{
    /// <summary>A configuration file is written by a person: more is a mistake (a disk image given by accident), and is not read into memory.</summary>
    public const int ConfigurationFileBytes = 1 << 20;

    /// <summary>File names are made of a disk's name and up to 40 bytes more, and Linux ends file names at 255 bytes. NBD recommends 256 for an export's.</summary>
    public const int NameBytes = 200;

    /// <summary>Disks of one group. A VM has a handful; each costs a few descriptors for its overlays and a link with its buffers.</summary>
    public const int Disks = 64;

    /// <summary>Addresses of one listener. Each is a thread.</summary>
    public const int ListenAddresses = 16;

    /// <summary>sun_path holds 108 bytes with its final zero.</summary>
    public const int UnixPathBytes = 107;

    /// <summary>What is quoted of a value in a message: enough to recognise it, and one line.</summary>
    public const int QuotedCharacters = 120;
}
