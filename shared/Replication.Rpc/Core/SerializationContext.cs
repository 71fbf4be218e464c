using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a marshaller puts a message's bytes: either the whole payload at once, or through a buffer writer.</summary>
public abstract class SerializationContext
{
    /// <summary>Announces the payload's length, so that it can be written without a copy.</summary>
    public virtual void SetPayloadLength(int payloadLength) => throw new NotImplementedException();

    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotImplementedException();

    /// <summary>Ends a payload that was written through <see cref="GetBufferWriter"/>.</summary>
    public virtual void Complete() => throw new NotImplementedException();

    /// <summary>Gives the whole payload.</summary>
    public virtual void Complete(byte[] payload) => throw new NotImplementedException();
}
