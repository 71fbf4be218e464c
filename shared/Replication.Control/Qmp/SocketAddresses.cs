using System.Globalization;
using Replication.Nbd;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>QEMU's socket addresses as ours.</summary>
internal static class SocketAddresses
{
    /// <param name="address">With its members beside the type.</param>
    public static NbdAddress Of(QmpObject address) => Of(address.GetString("type"), address);

    /// <param name="address">The older form, its members in <c>data</c>.</param>
    public static NbdAddress OfLegacy(QmpObject address) => Of(address.GetString("type"), address.GetObject("data"));

    private static NbdAddress Of(string type, QmpObject members)
    {
        if (type == "unix")
            return NbdAddress.Unix(Path.GetFullPath(members.GetString("path")));
        string port = members.GetString("port");
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number))
            throw new QmpException($"'{port}' is no port (0 to 65535)");
        return NbdAddress.Tcp(members.GetString("host"), number);
    }
}
