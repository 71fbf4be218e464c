using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>INFO and GO: the same request and the same answer; only GO's end begins the transmission.</summary>
internal readonly record struct InfoOption(string ExportName, bool WantsName, bool WantsDescription, bool WantsBlockSize)
{
    /// <summary>Null, or why the data is refused.</summary>
    public static OptionReply? TryRead(ReadOnlySpan<byte> bytes, out InfoOption option)
    {
        var data = new OptionData(bytes);
        string name = data.CountedString();
        bool wantsName = false, wantsDescription = false, wantsBlockSize = false;
        for (int items = data.UInt16(); items > 0 && !data.IsSpoilt; items--)
        {
            var item = (InfoItem)data.UInt16();
            wantsName |= item == InfoItem.Name;
            wantsDescription |= item == InfoItem.Description;
            wantsBlockSize |= item == InfoItem.BlockSize;
        }

        option = new InfoOption(name, wantsName, wantsDescription, wantsBlockSize);
        return data.IsWhole ? null : data.IsTooBig ? OptionReply.ErrTooBig : OptionReply.ErrInvalid;
    }

    public void WriteItems(OptionWriter writer, Option option, NbdExport export, bool structured)
    {
        Span<byte> item = stackalloc byte[WireSize.InfoBlockSize];
        BinaryPrimitives.WriteUInt16BigEndian(item, (ushort)InfoItem.Export);
        BinaryPrimitives.WriteUInt64BigEndian(item[2..], (ulong)export.Node.LengthBytes);
        BinaryPrimitives.WriteUInt16BigEndian(item[10..], (ushort)ExportFlags.Of(export, structured));
        writer.Reply(option, OptionReply.Info, item[..WireSize.InfoExport]);

        if (WantsBlockSize)
        {
            BinaryPrimitives.WriteUInt16BigEndian(item, (ushort)InfoItem.BlockSize);
            BinaryPrimitives.WriteUInt32BigEndian(item[2..], 1);
            BinaryPrimitives.WriteUInt32BigEndian(item[6..], Limits.PreferredBlockBytes);
            BinaryPrimitives.WriteUInt32BigEndian(item[10..], Limits.MaxPayloadBytes);
            writer.Reply(option, OptionReply.Info, item);
        }

        if (WantsName)
            WriteText(writer, option, InfoItem.Name, export.Name);
        if (WantsDescription && export.Description.Length > 0)
            WriteText(writer, option, InfoItem.Description, export.Description);
    }

    private static void WriteText(OptionWriter writer, Option option, InfoItem item, string text)
    {
        byte[] bytes = new byte[sizeof(ushort) + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)item);
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(sizeof(ushort)));
        writer.Reply(option, OptionReply.Info, bytes);
    }
}
