using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>
/// LIST_META_CONTEXT and SET_META_CONTEXT. A listing takes wildcards, and without a query means everything; a choice names each context.
/// </summary>
internal sealed record MetaContextOption(string ExportName, IReadOnlyList<string> Queries)
{
    /// <summary>Null, or why the data is refused.</summary>
    public static OptionReply? TryRead(ReadOnlySpan<byte> bytes, out MetaContextOption option)
    {
        var data = new OptionData(bytes);
        string name = data.CountedString();
        List<string> queries = []; // Not sized by what the client announces.
        for (uint left = data.UInt32(); left > 0 && !data.IsSpoilt; left--)
            queries.Add(data.CountedString());
        option = new MetaContextOption(name, queries);
        return data.IsWhole ? null : data.IsTooBig ? OptionReply.ErrTooBig : OptionReply.ErrInvalid;
    }

    /// <summary>What of an export's contexts is meant, each once and in the export's order. Their ids are their places there, from 1 on.</summary>
    public IReadOnlyList<SessionContext> Select(NbdExport export, bool isListing)
    {
        List<SessionContext> selected = [];
        IReadOnlyList<INbdMetaContext> offered = export.OfferedContexts;
        for (int i = 0; i < offered.Count; i++)
        {
            string name = offered[i].Name;
            if ((isListing && Queries.Count == 0) || Queries.Any(query => NbdContextNames.IsMeant(name, query, isListing)))
                selected.Add(new SessionContext((uint)i + 1, offered[i]));
        }

        return selected;
    }

    /// <param name="writer">Where to.</param>
    /// <param name="option">A listing has no ids.</param>
    /// <param name="context">What to tell of.</param>
    public static void Write(OptionWriter writer, Option option, SessionContext context)
    {
        byte[] bytes = new byte[sizeof(uint) + Encoding.UTF8.GetByteCount(context.Context.Name)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, option == Option.SetMetaContext ? context.Id : 0);
        Encoding.UTF8.GetBytes(context.Context.Name, bytes.AsSpan(sizeof(uint)));
        writer.Reply(option, OptionReply.MetaContext, bytes);
    }
}
