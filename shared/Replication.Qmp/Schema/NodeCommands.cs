using static Replication.Qmp.Schema.CommonTypes;
using static Replication.Qmp.Schema.QmpMember;

namespace Replication.Qmp.Schema;

// The graph's nodes. What QEMU has and we would have to ignore (encryption, TLS, data files, overlap checks) is left out, so that it is refused.
internal static class NodeCommands
{
    private static readonly QmpStruct s_cache = new(Optional("direct", Bool, false), Optional("no-flush", Bool, false));

    private static readonly QmpStruct s_server = new("type", [("inet", InetAddress), ("unix", UnixAddress)]);

    private static readonly QmpAlternate s_reference = new("a node's name, or an object that describes one", () => Text, () => s_options!);

    private static readonly QmpAlternate s_referenceOrNull = new(
        "a node's name, an object that describes one, or null", () => Text, () => s_options!, () => QmpScalar.Null);

    private static readonly QmpMember[] s_file = [Required("filename", Text), Optional("aio", new QmpEnum("threads", "native", "io_uring"), "threads")];

    private static readonly QmpMember[] s_nbd =
    [
        Required("server", s_server),
        Optional("export", Text),
        Optional("reconnect-delay", Unsigned32, 0),
        Optional("open-timeout", Unsigned32, 0),
    ];

    private static readonly QmpMember[] s_qcow2 =
    [
        Required("file", s_reference),
        Optional("backing", s_referenceOrNull),
        Optional("lazy-refcounts", Bool),
        Optional("cache-size", Size),
        Optional("l2-cache-size", Size),
        Optional("refcount-cache-size", Size),
        Optional("cache-clean-interval", Size),
    ];

    private static readonly QmpMember[] s_raw = [Required("file", s_reference), Optional("offset", Size), Optional("size", Size)];

    private static readonly QmpStruct s_options = new(
        "driver",
        [("file", s_file), ("host_device", s_file), ("nbd", s_nbd), ("qcow2", s_qcow2), ("raw", s_raw)],
        Optional("node-name", Text),
        Optional("discard", new QmpEnum("ignore", "unmap"), "ignore"),
        OptionalStruct("cache", s_cache),
        Optional("read-only", Bool, false),
        Optional("auto-read-only", Bool, false),
        Optional("force-share", Bool, false),
        Optional("detect-zeroes", new QmpEnum("off", "on", "unmap"), "off"));

    public static readonly QmpCommand[] All =
    [
        new("blockdev-add", s_options),
        new("blockdev-del", Required("node-name", Text)),
        new("query-block"),
        new("query-named-block-nodes", Optional("flat", Bool, false)),
    ];
}
