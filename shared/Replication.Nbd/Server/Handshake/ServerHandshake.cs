using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>
/// The server's side of the fixed newstyle handshake: greets, answers options in any order, and ends with an export or not at all.
/// </summary>
/// <remarks>
/// What an option says is checked by its parser; a bad option gets an error reply and the client may go on, a client that leaves the protocol (magic, unknown
/// handshake flags, endless options) is hung up on.
/// </remarks>
internal sealed class ServerHandshake(HandshakeChannel channel, INbdExportCatalog catalog, Func<NbdExport, string?> attach)
{
    private const HandshakeFlags OurFlags = HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes;

    private readonly OptionWriter _writer = new(channel);
    private bool _noZeroes;
    private bool _structured;
    private NbdExport? _contextsOf; // The export for which contexts were chosen.
    private IReadOnlyList<SessionContext> _contexts = []; // Those contexts.

    /// <summary>Null if the client left without an export.</summary>
    /// <exception cref="HandshakeException">With the reason to hang up.</exception>
    public Session? Run()
    {
        Greet();
        byte[] bytes = new byte[WireSize.OptionHeader];
        for (int i = 0; i < Limits.MaxOptions; i++)
        {
            channel.Read(bytes);
            if (!OptionHeader.TryRead(bytes, out OptionHeader header))
                throw new HandshakeException("the client sent no option where one was due");
            if (header.LengthBytes > Limits.MaxOptionBytes)
                throw new HandshakeException($"the client sent an option of {header.LengthBytes} bytes");
            byte[] data = new byte[header.LengthBytes];
            channel.Read(data);
            if (header.Option == Option.Abort)
            {
                _writer.Reply(Option.Abort, OptionReply.Ack);
                return null;
            }

            if (Answer(header.Option, data) is { } session)
                return session;
        }

        throw new HandshakeException($"the client sent {Limits.MaxOptions} options and chose no export");
    }

    private void Greet()
    {
        Span<byte> greeting = stackalloc byte[WireSize.ServerGreeting];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, Magic.Server);
        BinaryPrimitives.WriteUInt64BigEndian(greeting[8..], Magic.Option);
        BinaryPrimitives.WriteUInt16BigEndian(greeting[16..], (ushort)OurFlags);
        channel.Write(greeting);

        Span<byte> answer = stackalloc byte[WireSize.ClientFlags];
        channel.Read(answer);
        uint flags = BinaryPrimitives.ReadUInt32BigEndian(answer);
        if ((flags & ~(uint)OurFlags) != 0)
            throw new HandshakeException($"the client set unknown handshake flags (0x{flags:x})");
        _noZeroes = (flags & (uint)HandshakeFlags.NoZeroes) != 0;
    }

    private Session? Answer(Option option, byte[] data)
    {
        switch (option)
        {
            case Option.ExportName:
                return ChooseByName(data);
            case Option.Go or Option.Info:
                return GoOrInfo(option, data);
            case Option.List:
                List(data);
                return null;
            case Option.StructuredReply:
                AgreeOnStructured(data);
                return null;
            case Option.ListMetaContext or Option.SetMetaContext:
                MetaContexts(option, data);
                return null;
            default:
                _writer.Refuse(option, OptionReply.ErrUnsup, option == Option.StartTls ? "TLS is not available yet" : "this server does not know that option");
                return null;
        }
    }

    /// <summary>The old way to choose: an error can only be told by hanging up.</summary>
    private Session ChooseByName(byte[] bytes)
    {
        var data = new OptionData(bytes);
        string name = data.RestString();
        if (!data.IsWhole)
            throw new HandshakeException("the client asked for an export by a name that is none");
        NbdExport export = catalog.Find(name) ?? throw new HandshakeException($"the client asked for an unknown export '{name}'");
        if (attach(export) is { } refusal)
            throw new HandshakeException(refusal);
        Session session = Begin(export);
        byte[] reply = new byte[WireSize.ExportNameReply + (_noZeroes ? 0 : WireSize.ExportNameZeroes)];
        BinaryPrimitives.WriteUInt64BigEndian(reply, (ulong)export.Node.LengthBytes);
        BinaryPrimitives.WriteUInt16BigEndian(reply.AsSpan(8), (ushort)session.Flags);
        channel.Write(reply);
        return session;
    }

    private Session? GoOrInfo(Option option, byte[] bytes)
    {
        if (InfoOption.TryRead(bytes, out InfoOption info) is { } error)
        {
            _writer.Refuse(
                option, error, error == OptionReply.ErrTooBig ? $"a name is longer than {Limits.MaxStringBytes} bytes" : "the option's data is malformed");
            return null;
        }

        if (catalog.Find(info.ExportName) is not { } export)
        {
            _writer.Refuse(option, OptionReply.ErrUnknown, $"there is no export '{info.ExportName}'");
            return null;
        }

        if (option == Option.Go && attach(export) is { } refusal)
        {
            _writer.Refuse(option, OptionReply.ErrPolicy, refusal);
            return null;
        }

        info.WriteItems(_writer, option, export, _structured);
        _writer.Reply(option, OptionReply.Ack);
        return option == Option.Go ? Begin(export) : null;
    }

    private void List(byte[] data)
    {
        if (data.Length != 0)
        {
            _writer.Refuse(Option.List, OptionReply.ErrInvalid, "LIST takes no data");
            return;
        }

        foreach (NbdExport export in catalog.List())
        {
            int nameBytes = Encoding.UTF8.GetByteCount(export.Name);
            byte[] reply = new byte[sizeof(uint) + nameBytes + Encoding.UTF8.GetByteCount(export.Description)];
            BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)nameBytes);
            Encoding.UTF8.GetBytes(export.Name, reply.AsSpan(sizeof(uint)));
            Encoding.UTF8.GetBytes(export.Description, reply.AsSpan(sizeof(uint) + nameBytes));
            _writer.Reply(Option.List, OptionReply.Server, reply);
        }

        _writer.Reply(Option.List, OptionReply.Ack);
    }

    private void AgreeOnStructured(byte[] data)
    {
        if (data.Length != 0)
        {
            _writer.Refuse(Option.StructuredReply, OptionReply.ErrInvalid, "STRUCTURED_REPLY takes no data");
            return;
        }

        _structured = true;
        _writer.Reply(Option.StructuredReply, OptionReply.Ack);
    }

    private void MetaContexts(Option option, byte[] bytes)
    {
        if (option == Option.SetMetaContext)
            _contextsOf = null; // A choice replaces the earlier one, also when it fails.
        if (!_structured)
        {
            _writer.Refuse(option, OptionReply.ErrInvalid, "meta contexts need structured replies");
            return;
        }

        if (MetaContextOption.TryRead(bytes, out MetaContextOption meta) is { } error)
        {
            _writer.Refuse(
                option, error, error == OptionReply.ErrTooBig ? $"a string is longer than {Limits.MaxStringBytes} bytes" : "the option's data is malformed");
            return;
        }

        if (catalog.Find(meta.ExportName) is not { } export)
        {
            _writer.Refuse(option, OptionReply.ErrUnknown, $"there is no export '{meta.ExportName}'");
            return;
        }

        IReadOnlyList<SessionContext> selected = meta.Select(export, isListing: option == Option.ListMetaContext);
        if (option == Option.SetMetaContext)
        {
            if (selected.Count > Limits.MaxSessionContexts)
            {
                _writer.Refuse(option, OptionReply.ErrTooBig, $"{selected.Count} contexts are more than {Limits.MaxSessionContexts}");
                return;
            }

            (_contextsOf, _contexts) = (export, selected);
        }

        foreach (SessionContext context in selected)
            MetaContextOption.Write(_writer, option, context);
        _writer.Reply(option, OptionReply.Ack);
    }

    private Session Begin(NbdExport export) => new(export, _structured, _structured && ReferenceEquals(_contextsOf, export) ? _contexts : []);
}
