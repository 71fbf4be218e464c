using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>The receive loop's side of the slots: which request a reply belongs to, and its end.</summary>
internal sealed partial class ClientConnection
{
    private RequestSlot? Find(ulong cookie)
    {
        int index = RequestSlot.IndexOf(cookie);
        lock (_queue.Sync)
            return index >= 0 && index < _slots.Count && _slots[index] is { State: SlotState.OnWire } slot && slot.Header.Cookie == cookie ? slot : null;
    }

    /// <summary>The reply is whole. True if the loop is to go on.</summary>
    private bool Finish(RequestSlot slot)
    {
        if (slot.Error == NbdError.None && slot.Header.Command == Command.Read && slot.ReceivedBytes != slot.Header.LengthBytes)
            return Violation($"a read of {slot.Header.LengthBytes} bytes was answered with {slot.ReceivedBytes}");
        if (slot.Error == NbdError.None && slot.Header.Command == Command.BlockStatus && slot.Extent.LengthBytes == 0)
            return Violation("a block status without an extent");
        if (!IsSent(slot))
            return Violation("a reply to a write that was not sent yet");
        lock (_queue.Sync)
        {
            if (slot.State != SlotState.OnWire)
                return false; // The connection broke, and the request has failed.
            slot.State = SlotState.Done;
            _onWire--;
        }

        if (slot.Error == NbdError.None)
            slot.Succeed();
        else
            slot.Fail(Failure(slot));
        return true;
    }

    /// <summary>
    /// While bytes of the caller's buffer are not sent, the request must not end: the caller could put something else there. The reply can overtake the count
    /// of what the system call has taken, by the moment that the sending thread needs to write it down.
    /// </summary>
    private bool IsSent(RequestSlot slot)
    {
        if (slot.EndMark == 0)
            return true;
        var spin = new SpinWait();
        while (true)
        {
            lock (_queue.Sync)
            {
                if (_queue.SentBytes >= slot.EndMark)
                    return true;
                if (!_queue.IsSending)
                    return false;
            }

            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    /// <summary>False if the request has failed meanwhile, since the connection broke.</summary>
    private bool TryTouch(RequestSlot slot)
    {
        lock (_queue.Sync)
        {
            if (slot.State != SlotState.OnWire)
                return false;
            slot.State = SlotState.Touched;
            return true;
        }
    }

    private void Untouch(RequestSlot slot)
    {
        lock (_queue.Sync)
        {
            slot.State = _isDead ? SlotState.Done : SlotState.OnWire;
            if (!_isDead)
                return;
        }

        slot.Fail(Death(slot.Header));
    }

    private BlockException Failure(RequestSlot slot)
    {
        (BlockErrorKind kind, int errno) = ErrorMap.FromWire(slot.Error, Operation(slot.Header.Command));
        string text = slot.ErrorText is { Length: > 0 } words ? $"the server answered {slot.Error}: {words}" : $"the server answered {slot.Error}";
        return new BlockException(kind, _name, Operation(slot.Header.Command), Range(slot.Header), text, errno);
    }
}
