using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Grpc.Core;

namespace Replication.Rpc.Wire;

/// <summary>Takes messages off a pipe, one read at a time. Nothing is reserved for a length that was only announced: the pipe holds what has arrived.</summary>
internal sealed class MessageReader(PipeReader pipe, int? maxBytes)
{
    public const int HeaderBytes = 5;

    private readonly int _maxBytes = maxBytes ?? int.MaxValue;

    /// <summary>The next message; null at the end of the stream.</summary>
    /// <exception cref="RpcException">What came is no message, or too long a one.</exception>
    public async ValueTask<T?> ReadAsync<T>(Marshaller<T> marshaller, CancellationToken cancellationToken)
        where T : class
    {
        while (true)
        {
            ReadResult read = await pipe.ReadAsync(cancellationToken);
            if (TryTake(read.Buffer, out ReadOnlySequence<byte> payload))
            {
                T message = Decode(marshaller, payload);
                pipe.AdvanceTo(payload.End);
                return message;
            }

            if (read.IsCompleted)
                return read.Buffer.IsEmpty ? null : throw Malformed("the stream ended inside a message");
            pipe.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>Gives the pipe's buffers back. Only when no read is under way.</summary>
    public void Complete() => pipe.Complete();

    private bool TryTake(in ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> payload)
    {
        payload = default;
        if (buffer.Length < HeaderBytes)
            return false;

        Span<byte> header = stackalloc byte[HeaderBytes];
        buffer.Slice(0, HeaderBytes).CopyTo(header);
        uint lengthBytes = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (header[0] != 0)
        {
            throw header[0] == 1
                ? new RpcException(new Status(StatusCode.Unimplemented, "compressed messages are not supported"))
                : Malformed("a message begins with an unknown flag");
        }

        if (lengthBytes > (uint)_maxBytes)
        {
            throw new RpcException(
                new Status(StatusCode.ResourceExhausted, $"a message of {lengthBytes} bytes is longer than the {_maxBytes} bytes that are taken"));
        }

        if (buffer.Length < HeaderBytes + lengthBytes)
            return false;
        payload = buffer.Slice(HeaderBytes, lengthBytes);
        return true;
    }

    private static T Decode<T>(Marshaller<T> marshaller, ReadOnlySequence<byte> payload)
    {
        try
        {
            return marshaller.ContextualDeserializer(new Payload(payload));
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"a message cannot be decoded: {e.Message}", e));
        }
    }

    private static RpcException Malformed(string what) => new(new Status(StatusCode.Internal, what));

    private sealed class Payload(ReadOnlySequence<byte> bytes) : DeserializationContext
    {
        public override int PayloadLength => (int)bytes.Length;

        public override byte[] PayloadAsNewBuffer() => bytes.ToArray();

        public override ReadOnlySequence<byte> PayloadAsReadOnlySequence() => bytes;
    }
}
