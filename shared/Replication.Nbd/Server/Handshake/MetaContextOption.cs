using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>
/// LIST_META_CONTEXT and SET_META_CONTEXT over the one context that there is. A listing takes the namespace as a wildcard; a choice names the context.
/// </summary>
internal readonly record struct MetaContextOption(string ExportName, bool Lists, bool Chooses)
{
    /// <summary>Null, or why the data is refused.</summary>
    public static OptionReply? TryRead(ReadOnlySpan<byte> bytes, out MetaContextOption option)
    {
        var data = new OptionData(bytes);
        string name = data.CountedString();
        uint queries = data.UInt32();
        bool lists = queries == 0, chooses = false;
        for (; queries > 0 && !data.IsSpoilt; queries--)
        {
            string query = data.CountedString();
            chooses |= query == MetaContext.BaseAllocation;
            lists |= query is MetaContext.BaseAllocation or MetaContext.BaseNamespace;
        }

        option = new MetaContextOption(name, lists, chooses);
        return data.IsWhole ? null : data.IsTooBig ? OptionReply.ErrTooBig : OptionReply.ErrInvalid;
    }

    public static void WriteBaseAllocation(OptionWriter writer, Option option)
    {
        byte[] bytes = new byte[sizeof(uint) + MetaContext.BaseAllocation.Length];
        // A listing has no ids.
        BinaryPrimitives.WriteUInt32BigEndian(bytes, option == Option.SetMetaContext ? Session.BaseAllocationId : 0);
        Encoding.ASCII.GetBytes(MetaContext.BaseAllocation, bytes.AsSpan(sizeof(uint)));
        writer.Reply(option, OptionReply.MetaContext, bytes);
    }
}
