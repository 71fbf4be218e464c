using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Jobs.Fleecing;
using V1 = Colo.Protocol.V1;

namespace Replication.Control.Services.Jobs;

/// <summary>Fleeces between the wire and the domain. What the wire leaves out has the domain's default.</summary>
internal static class FleeceMessages
{
    private static readonly FleeceCommand s_defaults = new() { Device = "" };

    public static FleeceCommand FromWire(V1.FleeceSpec fleece, string field) => new()
    {
        Device = WireValues.Name(fleece.Device, $"{field}.device"),
        Name = JobMessages.NullIfEmpty(fleece.Name),
        Bitmap = JobMessages.NullIfEmpty(fleece.Bitmap),
        Target = fleece.Target.Length == 0 ? null : JobMessages.Text(fleece.Target, ServiceLimits.TargetBytes, $"{field}.target"),
        Format = JobMessages.NullIfEmpty(fleece.Format),
        Mode = JobMessages.Optional<TargetMode>(fleece.Mode, $"{field}.mode") ?? s_defaults.Mode,
        QuotaBytes = fleece.QuotaBytes,
        Lease = fleece.HasLeaseMs ? Lease(fleece.LeaseMs, $"{field}.lease_ms") : s_defaults.Lease,
        OnCbwError = JobMessages.Optional<OnCbwError>(fleece.OnCbwError, $"{field}.on_cbw_error") ?? s_defaults.OnCbwError,
        CbwTimeout = fleece.HasCbwTimeoutMs
            ? TimeSpan.FromMilliseconds(WireValues.InRange(fleece.CbwTimeoutMs, 0, ServiceLimits.CbwTimeoutMs, $"{field}.cbw_timeout_ms"))
            : s_defaults.CbwTimeout,
        SaysWritable = fleece.SaysWritable,
    };

    /// <summary>Its bounds are the node's business.</summary>
    public static TimeSpan Lease(long leaseMs, string field) => TimeSpan.FromMilliseconds(WireValues.InRange(leaseMs, 0, int.MaxValue, field));

    public static V1.Fleece ToWire(FleeceInfo fleece, IEnumerable<string> addresses)
    {
        var wire = new V1.Fleece
        {
            Name = fleece.Name,
            Device = fleece.Device,
            LengthBytes = fleece.LengthBytes,
            Bitmap = fleece.Bitmap ?? "",
            Target = fleece.Target ?? "",
            OpenedAtUnixMs = fleece.OpenedAt.ToUnixTimeMilliseconds(),
            Epoch = fleece.Epoch,
            HeldBytes = fleece.HeldBytes,
            QuotaBytes = fleece.QuotaBytes,
            Readers = (uint)fleece.Readers,
            Errno = fleece.Broken?.Errno ?? 0,
            Error = fleece.Broken?.Message ?? "",
            Addresses = { addresses },
        };
        if (fleece.LeaseLeft is { } left)
            wire.LeaseLeftMs = (long)left.TotalMilliseconds;
        return wire;
    }
}
