using System.Buffers.Binary;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

// Block status replies, which may be longer than what is parsed whole: they are taken extent by extent. Everything here belongs to the connection's thread.
internal sealed partial class ClientConnection
{
    private RequestSlot? _telling; // Extents for this block status come next: _extentsLeft of them.
    private int _extentsLeft;
    private bool _areAskedFor; // They are of the context that it is about; otherwise they are passed over.
    private bool _tellingIsLast; // They end the reply.

    private bool ProcessStatusChunk(RequestSlot slot, in ReplyHeader reply, ReadOnlySpan<byte> bytes)
    {
        if (ReplyChunk.TakeStatus(slot, reply) is { } violation)
            return Violation(violation);
        if (bytes.Length < WireSize.StatusChunkPrefix)
            return false;
        uint contextId = BinaryPrimitives.ReadUInt32BigEndian(bytes[WireSize.StructuredReply..]);
        _areAskedFor = contextId == slot.ContextId;
        if (!_session.Contexts.ContainsValue(contextId) || (_areAskedFor && slot.Extent.LengthBytes != 0))
            return Violation("a block status of a context that was not asked for");
        _start += WireSize.StatusChunkPrefix;
        (_telling, _tellingIsLast) = (slot, reply.IsDone);
        _extentsLeft = (int)((reply.LengthBytes - sizeof(uint)) / WireSize.Extent);
        return true;
    }

    private bool ProcessExtents()
    {
        RequestSlot slot = _telling!;
        for (; _extentsLeft > 0 && _end - _start >= WireSize.Extent; _extentsLeft--)
        {
            if (_areAskedFor && ReplyChunk.TakeExtent(slot, _input!.Bytes.AsSpan(_start)) is { } violation)
                return Violation(violation);
            _start += WireSize.Extent;
        }

        if (_extentsLeft > 0)
            return false;
        _telling = null;
        return !_tellingIsLast || Finish(slot);
    }
}
