namespace Replication.Nbd.Wire;

// Every number of the NBD protocol that this project knows, in one file; names are the protocol document's without their NBD_ prefix.

internal static class Magic
{
    public const ulong Server = 0x4e42444d41474943; // "NBDMAGIC"
    public const ulong Option = 0x49484156454F5054; // "IHAVEOPT"; also the server's second word
    public const ulong OptionReply = 0x0003e889045565a9;
    public const uint Request = 0x25609513;
    public const uint SimpleReply = 0x67446698;
    public const uint StructuredReply = 0x668e33ef;
}

/// <summary>The server's first flags, and with the same bits the client's answer.</summary>
[Flags]
internal enum HandshakeFlags : ushort
{
    None = 0,
    FixedNewstyle = 1,
    NoZeroes = 2,
}

internal enum Option : uint
{
    ExportName = 1,
    Abort = 2,
    List = 3,
    StartTls = 5,
    Info = 6,
    Go = 7,
    StructuredReply = 8,
    ListMetaContext = 9,
    SetMetaContext = 10,
    ExtendedHeaders = 11,
}

internal enum OptionReply : uint
{
    Ack = 1,
    Server = 2,
    Info = 3,
    MetaContext = 4,
    ErrorBit = 1u << 31,
    ErrUnsup = ErrorBit + 1,
    ErrPolicy = ErrorBit + 2,
    ErrInvalid = ErrorBit + 3,
    ErrPlatform = ErrorBit + 4,
    ErrTlsRequired = ErrorBit + 5,
    ErrUnknown = ErrorBit + 6,
    ErrShutdown = ErrorBit + 7,
    ErrBlockSizeRequired = ErrorBit + 8,
    ErrTooBig = ErrorBit + 9,
    ErrExtendedHeadersRequired = ErrorBit + 10,
}

internal enum InfoItem : ushort
{
    Export = 0,
    Name = 1,
    Description = 2,
    BlockSize = 3,
}

[Flags]
internal enum TransmissionFlags : ushort
{
    None = 0,
    HasFlags = 1 << 0,
    ReadOnly = 1 << 1,
    Flush = 1 << 2,
    Fua = 1 << 3,
    Rotational = 1 << 4,
    Trim = 1 << 5,
    WriteZeroes = 1 << 6,
    Df = 1 << 7,
    MultiConn = 1 << 8,
    Resize = 1 << 9,
    Cache = 1 << 10,
    FastZero = 1 << 11,
    BlockStatusPayload = 1 << 12,
}

internal enum Command : ushort
{
    Read = 0,
    Write = 1,
    Disconnect = 2,
    Flush = 3,
    Trim = 4,
    Cache = 5,
    WriteZeroes = 6,
    BlockStatus = 7,
    Resize = 8,
}

[Flags]
internal enum CommandFlags : ushort
{
    None = 0,
    Fua = 1 << 0,
    NoHole = 1 << 1,
    Df = 1 << 2,
    ReqOne = 1 << 3,
    FastZero = 1 << 4,
    PayloadLength = 1 << 5,
}

[Flags]
internal enum ChunkFlags : ushort
{
    None = 0,
    Done = 1,
}

internal enum ChunkType : ushort
{
    None = 0,
    OffsetData = 1,
    OffsetHole = 2,
    BlockStatus = 5,
    ErrorBit = 1 << 15,
    Error = ErrorBit + 1,
    ErrorOffset = ErrorBit + 2,
}

/// <summary>The error numbers of the protocol; the only ones that may travel.</summary>
internal enum NbdError : uint
{
    None = 0,
    Perm = 1,
    Io = 5,
    NoMem = 12,
    Inval = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSup = 95,
    Shutdown = 108,
}

internal static class WireSize
{
    public const int ServerGreeting = 18;
    public const int ClientFlags = 4;
    public const int OptionHeader = 16;
    public const int OptionReplyHeader = 20;
    public const int ExportNameReply = 10;
    public const int ExportNameZeroes = 124;
    public const int InfoExport = 12;
    public const int InfoBlockSize = 14;
    public const int Request = 28;
    public const int SimpleReply = 16;
    public const int StructuredReply = 20;

    /// <summary>Header and offset in front of the data of an OFFSET_DATA chunk.</summary>
    public const int DataChunkPrefix = StructuredReply + 8;

    public const int HoleChunk = 12;
    public const int Extent = 8;

    /// <summary>Header and context id in front of the extents of a BLOCK_STATUS chunk.</summary>
    public const int StatusChunkPrefix = StructuredReply + 4;

    /// <summary>Error number and length of the text.</summary>
    public const int ErrorPrefix = 6;
}
