// The byte model of a pair: what every byte of every disk must be, on both sides, while two guests write and checkpoints are taken under them.
//
// What is known for certain: a guest never has two requests of its own in flight that overlap, so each request's outcome is its own. A request that was
// acknowledged before `checkpoint` was called is before it; one that is sent after it returned is after it. What was in flight with a checkpoint is wholly
// before or wholly after (the contract says no more): an EitherOr, settled by the first read that can tell.
//
// To keep each EitherOr independent of the others, requests of the two guests that overlap each other are kept apart while a checkpoint is announced or taken,
// and a range that one request used during a checkpoint is not used again until the checkpoint has ended. At all other times the two guests race freely.
//
// One thing ties them together: a checkpoint cuts all disks at one instant. If the view holds a request that was sent after another one had been acknowledged,
// it holds that one too (`CheckCut`). A lost ordering between two disks shows here and nowhere else.

using Replication.Block;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Model;

/// <summary>The bytes of all disks of a pair as they must be. Every member may be called from any thread.</summary>
internal sealed class GroupModel
{
    // Guards everything below, and the disks' models.
    private readonly Lock _gate = new();
    private readonly DiskModel[] _disks;
    private readonly List<GuestRequest> _inFlight = [];
    private readonly List<(int Disk, BlockRange Range)> _usedDuring = [];
    private readonly List<Ended> _endedDuring = [];
    private long _clock;
    private CheckpointPhase _phase;

    public GroupModel(IReadOnlyList<byte[]> contents) => _disks = [.. contents.Select((content, number) => new DiskModel(number, content))];

    private enum CheckpointPhase
    {
        None,

        /// <summary>No new overlap between the guests; those in flight end.</summary>
        Announced,

        /// <summary>The verb may take effect at any moment.</summary>
        Active,
    }

    public int DiskCount => _disks.Length;

    public long LengthBytes(int disk) => _disks[disk].Primary.LongLength;

    /// <summary>Takes the request in, unless its range is in use: then another one has to be chosen.</summary>
    public bool TryBegin(GuestRequest request)
    {
        lock (_gate)
        {
            if (_inFlight.Exists(r => r.Overlaps(request) && (r.Guest == request.Guest || _phase != CheckpointPhase.None)))
                return false;
            if (_phase == CheckpointPhase.Active)
            {
                if (_usedDuring.Exists(u => u.Disk == request.Disk && u.Range.Overlaps(request.Range)))
                    return false;
                MeetCheckpoint(request);
            }

            request.Sent = ++_clock;
            _inFlight.Add(request);
            return true;
        }
    }

    /// <summary>The request was answered with success. Returns what is wrong with what it read.</summary>
    public Mismatch? Complete(GuestRequest request)
    {
        lock (_gate)
        {
            request.Acknowledged = ++_clock;
            _inFlight.Remove(request);
            DiskModel disk = _disks[request.Disk];
            ReadOnlySpan<byte> data = request.Buffer.Span;
            // Flushes say nothing of bytes, use no range, and so have no bound to how many may end meanwhile.
            if (_phase == CheckpointPhase.Active && request.Kind != RequestKind.Flush)
                _endedDuring.Add(Ended.Of(request, disk));
            if (!request.Changes)
                return request.Kind == RequestKind.Read ? CheckRead(request, disk, data) : null;
            if (request.Guest == NodeSide.Primary)
                disk.WritePrimary(request.Range, data);
            else if (request.Cut is null)
                disk.WriteView(request.Range, data);
            return null;
        }
    }

    /// <summary>The request's connection died before a reply: it may have been done, wholly, partly or not.</summary>
    public void Abandon(GuestRequest request)
    {
        lock (_gate)
        {
            _inFlight.Remove(request);
            if (request is { Changes: true, Guest: NodeSide.Primary })
                _disks[request.Disk].Tear(request.Range, request.Buffer.Span);
        }
    }

    /// <summary>Keeps a range free of a guest's new requests, for a reader that compares it; <see cref="Release"/> gives it back.</summary>
    public GuestRequest Reserve(NodeSide guest, int disk, BlockRange range)
    {
        lock (_gate)
        {
            var reservation = new GuestRequest(guest, disk, RequestKind.Flush, range, default);
            _inFlight.Add(reservation);
            return reservation;
        }
    }

    /// <summary>Nothing else of that guest is in flight there any more.</summary>
    public bool IsAlone(GuestRequest reservation)
    {
        lock (_gate)
            return !_inFlight.Exists(r => r != reservation && r.Guest == reservation.Guest && r.Overlaps(reservation));
    }

    public void Release(GuestRequest reservation)
    {
        lock (_gate)
            _inFlight.Remove(reservation);
    }

    /// <summary>Begins to keep the two guests' requests apart.</summary>
    public void AnnounceCheckpoint()
    {
        lock (_gate)
        {
            Invariant.Check(_phase == CheckpointPhase.None, "two checkpoints of one model");
            _phase = CheckpointPhase.Announced;
        }
    }

    /// <summary>True once no requests of the two guests overlap: the verb may be called now.</summary>
    public bool TryActivateCheckpoint()
    {
        lock (_gate)
        {
            Invariant.Check(_phase == CheckpointPhase.Announced, "a checkpoint that was not announced");
            for (int i = 0; i < _inFlight.Count; i++)
            {
                if (_inFlight.FindIndex(i + 1, r => r.Guest != _inFlight[i].Guest && r.Overlaps(_inFlight[i])) >= 0)
                    return false;
            }

            _phase = CheckpointPhase.Active;
            foreach (GuestRequest request in _inFlight)
                MeetCheckpoint(request);
            return true;
        }
    }

    /// <summary>The verb has ended, and it is known how. Returns what is wrong with what was read meanwhile.</summary>
    public Mismatch? EndCheckpoint(bool committed)
    {
        lock (_gate)
        {
            Invariant.Check(_phase != CheckpointPhase.None, "an end without a checkpoint");
            if (committed)
                SwitchViews();
            Mismatch? found = null;
            foreach (Ended ended in _endedDuring)
            {
                if (ended.Read is { } actual)
                    found = Mismatch.Sum(found, CheckSpanning(ended.Request, _disks[ended.Request.Disk], actual));
            }

            _endedDuring.Clear();
            _usedDuring.Clear();
            _phase = CheckpointPhase.None;
            return found;
        }
    }

    /// <summary>Compares with what the secondary's guest must see. The range must be reserved, or the guest at rest; no checkpoint may be under way.</summary>
    public Mismatch? CheckView(int disk, long offsetBytes, ReadOnlySpan<byte> actual)
    {
        lock (_gate)
            return _disks[disk].CheckView(offsetBytes, actual);
    }

    /// <summary>Compares with what the primary's guest must see. The range must be reserved, or the guest at rest or dead.</summary>
    public Mismatch? CheckPrimary(int disk, long offsetBytes, ReadOnlySpan<byte> actual)
    {
        lock (_gate)
            return _disks[disk].CheckPrimary(offsetBytes, actual);
    }

    /// <summary>Did the last checkpoint cut all disks at one instant? Says what contradicts it; null where nothing does.</summary>
    public string? CheckCut()
    {
        lock (_gate)
        {
            EitherOr[] cuts = [.. _disks.SelectMany(d => d.Cuts)];
            // The primary's requests are in the view where they came before the cut, the secondary's where they came after.
            return CutOrder.Check(cuts, NodeSide.Primary, beforeTheCut: true) ?? CutOrder.Check(cuts, NodeSide.Secondary, beforeTheCut: false);
        }
    }

    private void MeetCheckpoint(GuestRequest request)
    {
        if (request.Kind != RequestKind.Flush)
            _usedDuring.Add((request.Disk, request.Range));
        request.Checkpoints++;
        if (request is { Kind: RequestKind.Read, Guest: NodeSide.Secondary })
            request.ViewBefore = _disks[request.Disk].CopyView(request.Range);
    }

    private void SwitchViews()
    {
        foreach (DiskModel disk in _disks)
            disk.SwitchView();
        foreach (Ended ended in _endedDuring)
        {
            if (ended.Write is { } data)
                Cut(ended.Request, ended.PrimaryBefore, data);
        }

        foreach (GuestRequest request in _inFlight)
        {
            if (request.Changes)
                Cut(request, null, request.Buffer.Span);
        }
    }

    private void Cut(GuestRequest request, byte[]? primaryBefore, ReadOnlySpan<byte> data)
    {
        DiskModel disk = _disks[request.Disk];
        ReadOnlySpan<byte> without = primaryBefore ?? disk.Primary.AsSpan((int)request.Range.OffsetBytes, (int)request.Range.LengthBytes);
        request.Cut = disk.Cut(request, without, data);
    }

    private Mismatch? CheckRead(GuestRequest request, DiskModel disk, ReadOnlySpan<byte> actual)
    {
        if (request.Guest == NodeSide.Primary)
            return disk.CheckPrimary(request.Range.OffsetBytes, actual);
        if (_phase == CheckpointPhase.Active)
            return null; // its end judges
        return request.Checkpoints == 0 ? disk.CheckView(request.Range.OffsetBytes, actual) : CheckSpanning(request, disk, actual);
    }

    /// <summary>A read that was in flight with a checkpoint saw the view before it or the view after it, never a mixture.</summary>
    private static Mismatch? CheckSpanning(GuestRequest request, DiskModel disk, ReadOnlySpan<byte> actual)
    {
        // With two checkpoints, or an open cut below, there are more images than the two that were kept.
        bool open = request.Checkpoints > 1 || request.ViewBefore is null;
        return open || actual.SequenceEqual(request.ViewBefore) ? null : disk.CheckView(request.Range.OffsetBytes, actual);
    }

    /// <summary>A request that ended while a checkpoint was under way, with copies of what is needed when that has ended.</summary>
    private sealed record Ended(GuestRequest Request, byte[]? PrimaryBefore, byte[]? Write, byte[]? Read)
    {
        public static Ended Of(GuestRequest request, DiskModel disk)
        {
            byte[]? before = request is { Changes: true, Guest: NodeSide.Primary }
                ? disk.Primary.AsSpan((int)request.Range.OffsetBytes, (int)request.Range.LengthBytes).ToArray()
                : null;
            bool viewRead = request is { Kind: RequestKind.Read, Guest: NodeSide.Secondary };
            return new Ended(request, before, request.Changes ? request.Buffer.ToArray() : null, viewRead ? request.Buffer.ToArray() : null);
        }
    }
}
