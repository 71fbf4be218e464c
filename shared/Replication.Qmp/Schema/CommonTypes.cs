namespace Replication.Qmp.Schema;

/// <summary>Short names for what the tables of commands are made of.</summary>
internal static class CommonTypes
{
    public static readonly QmpType Text = QmpScalar.Text;
    public static readonly QmpType Bool = QmpScalar.Boolean;
    public static readonly QmpType Int = QmpInteger.Int64;
    public static readonly QmpType Size = QmpInteger.Size;
    public static readonly QmpType Unsigned32 = QmpInteger.Unsigned32;

    /// <summary>A socket's address; with what it listens or connects to beside its type.</summary>
    public static readonly QmpMember[] InetAddress =
    [
        QmpMember.Required("host", Text),
        QmpMember.Required("port", Text),
        QmpMember.Optional("ipv4", Bool),
        QmpMember.Optional("ipv6", Bool),
        QmpMember.Optional("keep-alive", Bool),
    ];

    public static readonly QmpMember[] UnixAddress = [QmpMember.Required("path", Text)];
}
