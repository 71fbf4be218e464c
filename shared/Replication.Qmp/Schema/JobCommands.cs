using static Replication.Qmp.Schema.CommonTypes;
using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

// Names, types and defaults of QEMU 7.2, with min-cluster-size of 9.2 and the two cbw arguments, which QEMU has on its filter only.
internal static class JobCommands
{
    private static readonly QmpEnum s_sync = new("top", "full", "none", "incremental", "bitmap");
    private static readonly QmpEnum s_bitmapMode = new("on-success", "never", "always");
    private static readonly QmpEnum s_onError = new("report", "ignore", "enospc", "stop", "auto");

    private static readonly QmpStruct s_performance = new(
        Optional("use-copy-range", Bool, false),
        Optional("max-workers", Int, 64),
        Optional("max-chunk", Int, 0),
        Optional("min-cluster-size", Size, 0));

    private static readonly QmpMember[] s_backup =
    [
        Optional("job-id", Text),
        Required("device", Text),
        Required("target", Text),
        Required("sync", s_sync),
        Optional("speed", Int, 0),
        Optional("bitmap", Text),
        Optional("bitmap-mode", s_bitmapMode),
        Optional("compress", Bool, false),
        Optional("on-source-error", s_onError, "report"),
        Optional("on-target-error", s_onError, "report"),
        Optional("auto-finalize", Bool, true),
        Optional("auto-dismiss", Bool, true),
        Optional("filter-node-name", Text),
        Optional("discard-source", Bool, false),
        Optional("on-cbw-error", new QmpEnum("break-guest-write", "break-snapshot"), "break-guest-write"),
        Optional("cbw-timeout", Unsigned32, 0),
        OptionalStruct("x-perf", s_performance),
    ];

    public static readonly QmpCommand BlockdevBackup = new("blockdev-backup", s_backup);

    public static readonly QmpCommand DriveBackup = new(
        "drive-backup", [.. s_backup, Optional("format", Text), Optional("mode", new QmpEnum("existing", "absolute-paths"), "absolute-paths")]);

    public static readonly QmpCommand[] All =
    [
        BlockdevBackup,
        DriveBackup,
        new("block-job-set-speed", Required("device", Text), Required("speed", Int)),
        new("block-job-cancel", Required("device", Text), Optional("force", Bool, false)),
        new("block-job-pause", Required("device", Text)),
        new("block-job-resume", Required("device", Text)),
        new("block-job-complete", Required("device", Text)),
        new("block-job-finalize", Required("id", Text)),
        new("block-job-dismiss", Required("id", Text)),
        new("job-pause", Required("id", Text)),
        new("job-resume", Required("id", Text)),
        new("job-cancel", Required("id", Text)),
        new("job-complete", Required("id", Text)),
        new("job-finalize", Required("id", Text)),
        new("job-dismiss", Required("id", Text)),
        new("query-block-jobs"),
        new("query-jobs"),
    ];
}
