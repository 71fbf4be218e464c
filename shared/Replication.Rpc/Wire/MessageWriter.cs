using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace Replication.Rpc.Wire;

/// <summary>
/// Puts one message into a buffer: a byte that says "not compressed", four bytes of length, the payload. A marshaller that announces its length writes
/// straight into the buffer.
/// </summary>
internal sealed class MessageWriter : SerializationContext
{
    private readonly IBufferWriter<byte> _output;
    private readonly int _maxBytes;
    private ArrayBufferWriter<byte>? _collected; // where the length was not announced
    private bool _announced;

    private MessageWriter(IBufferWriter<byte> output, int? maxBytes) => (_output, _maxBytes) = (output, maxBytes ?? int.MaxValue);

    /// <exception cref="RpcException">The message is longer than <paramref name="maxBytes"/>; nothing was written.</exception>
    public static void Write<T>(IBufferWriter<byte> output, Marshaller<T> marshaller, T message, int? maxBytes) =>
        marshaller.ContextualSerializer(message, new MessageWriter(output, maxBytes));

    public override void SetPayloadLength(int payloadLength)
    {
        WriteHeader(payloadLength);
        _announced = true;
    }

    public override IBufferWriter<byte> GetBufferWriter() => _announced ? _output : _collected ??= new ArrayBufferWriter<byte>();

    public override void Complete()
    {
        if (!_announced)
            Write(_collected is null ? default : _collected.WrittenSpan);
    }

    public override void Complete(byte[] payload) => Write(payload);

    private void Write(ReadOnlySpan<byte> payload)
    {
        WriteHeader(payload.Length);
        _output.Write(payload);
    }

    private void WriteHeader(int payloadBytes)
    {
        if (payloadBytes > _maxBytes)
        {
            throw new RpcException(
                new Status(StatusCode.ResourceExhausted, $"a message of {payloadBytes} bytes is longer than the {_maxBytes} bytes that may be sent"));
        }

        Span<byte> header = _output.GetSpan(MessageReader.HeaderBytes);
        header[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(header[1..], payloadBytes);
        _output.Advance(MessageReader.HeaderBytes);
    }
}
