using System.Globalization;
using System.Text;
using Replication.Control.Journal;
using Replication.Roles;
using static Replication.Control.Services.WireValues;
using V1 = Colo.Protocol.V1;

namespace Replication.Control.Services;

/// <summary>Whole messages between the wire and the domain.</summary>
internal static class WireMessages
{
    public static V1.NodeStatus ToWire(NodeStatus status) => new()
    {
        Group = status.Group,
        Role = WireValues.ToWire(status.Role),
        Stage = WireValues.ToWire(status.Stage),
        Generation = WireValues.ToWire(status.Generation),
        Epoch = status.Epoch,
        Mirror = new V1.MirrorStatus { State = (V1.MirrorState)status.Mirror, Transport = status.MirrorTransport },
        Disks = { status.Disks.Select(ToWire) },
        Error = status.Error ?? "",
        Incomplete = status.Incomplete,
        Progress = status.Progress is { } progress
            ? new V1.Progress { Activity = progress.Activity, DoneBytes = progress.DoneBytes, TotalBytes = progress.TotalBytes }
            : null,
        CommitElapsedMs = status.CommitElapsedMs,
        CommittedBytes = status.CommittedBytes,
    };

    public static V1.ReplicationError ToWire(RecordedError error) => new()
    {
        Seq = error.Seq,
        Case = (uint)error.Failure.Case,
        Disk = error.Failure.Disk,
        OffsetBytes = error.Failure.OffsetBytes,
        LengthBytes = error.Failure.LengthBytes,
        Errno = error.Failure.Errno,
        Epoch = error.Failure.Epoch,
        Message = error.Failure.TextOf(error.Count),
        Advice = error.Advice,
        TimeUnixMs = error.TimeUnixMs,
        Settled = error.Failure.Settled is not null,
    };

    public static V1.Event ToWire(JournalEvent entry)
    {
        var message = new V1.Event { Seq = entry.Seq, TimeUnixMs = entry.TimeUnixMs, Type = entry.Type };
        foreach ((string name, object value) in entry.Fields)
        {
            switch (value)
            {
                case bool flag:
                    message.Flags[name] = flag;
                    break;
                case byte or sbyte or short or ushort or int or uint or long or ulong:
                    message.Numbers[name] = Convert.ToInt64(value, CultureInfo.InvariantCulture);
                    break;
                default:
                    message.Text[name] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
                    break;
            }
        }

        return message;
    }

    public static V1.AttachMirrorRequest ToWire(AttachRequest request) => new()
    {
        Versions = Protos.ProtocolRange.Ours,
        Group = request.Group,
        History = { request.History.Select(WireValues.ToWire) },
        Epoch = request.Epoch,
        Disks = { request.Disks.Select(disk => new V1.DiskDescription { Name = disk.Name, LengthBytes = disk.LengthBytes }) },
        PrimaryControl = request.PrimaryControl,
        Sync = (V1.SyncMode)request.Sync,
        AbandonView = request.AbandonView,
        PairId = ToWireOrNone(request.PairId),
    };

    public static AttachRequest FromWire(V1.AttachMirrorRequest request)
    {
        InRange(request.History.Count, 1, ServiceLimits.Generations, "history's length");
        InRange(request.Disks.Count, 1, Limits.Disks, "the number of disks");
        InRange(Encoding.UTF8.GetByteCount(request.PrimaryControl), 0, ServiceLimits.AddressBytes, "primary_control's length");
        return new AttachRequest(
            Name(request.Group, "group"),
            History(request.History, "history"),
            request.Epoch,
            [.. request.Disks.Select((disk, i) => (Name(disk.Name, $"disks[{i}].name"),
                InRange(disk.LengthBytes, 1, long.MaxValue, $"disks[{i}].length_bytes")))],
            request.PrimaryControl,
            Value<SyncMode>(request.Sync, "sync"))
        {
            AbandonView = request.AbandonView,
            PairId = IdOrNone(request.PairId, "pair_id"),
        };
    }

    public static V1.CommitCheckpointRequest ToCommit(CommitRequest request) => new()
    {
        Generation = WireValues.ToWire(request.Generation),
        Epoch = request.Epoch,
        Session = WireValues.ToWire(request.Session),
        AnsweredWrites = request.AnsweredWrites,
        Attempt = WireValues.ToWire(request.Attempt),
    };

    public static V1.StopReplicationRequest ToStop(CommitRequest request) => new()
    {
        Generation = WireValues.ToWire(request.Generation),
        Epoch = request.Epoch,
        Session = WireValues.ToWire(request.Session),
        AnsweredWrites = request.AnsweredWrites,
        Attempt = WireValues.ToWire(request.Attempt),
    };

    public static CommitRequest FromWire(V1.CommitCheckpointRequest request) =>
        new(
            Generation(request.Generation, "generation"), request.Epoch, Session(request.Session),
            request.AnsweredWrites)
        { Attempt = Attempt(request.Attempt) };

    public static CommitRequest FromWire(V1.StopReplicationRequest request) =>
        new(
            Generation(request.Generation, "generation"), request.Epoch, Session(request.Session),
            request.AnsweredWrites)
        { Attempt = Attempt(request.Attempt) };

    private static V1.DiskStatus ToWire(DiskStatus disk) => new()
    {
        Name = disk.Name,
        LengthBytes = disk.LengthBytes,
        DirtyBytes = disk.DirtyBytes,
        ActiveBytes = disk.ActiveBytes,
        HiddenBytes = disk.HiddenBytes,
    };
}
