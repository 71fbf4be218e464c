namespace Grpc.Core;

/// <summary>Hints for a write; this runtime knows none that matters, and accepts all.</summary>
[Flags]
public enum WriteFlags
{
    BufferHint = 1,
    NoCompress = 2,
}
