using System.Buffers.Binary;
using System.Text;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Client;

/// <summary>
/// The client's side of the fixed newstyle handshake: structured replies and the contexts asked for where the
/// server has them, then GO, or EXPORT_NAME with an older server.
/// </summary>
internal sealed class ClientHandshake(HandshakeChannel channel, string exportName, NbdClientOptions options)
{
    private readonly ClientSession _session = new();
    private bool _noZeroes;

    /// <exception cref="HandshakeException">With the reason, the server's own words where it has some.</exception>
    public ClientSession Run()
    {
        Greet();
        if (options.Structured && Ask(Option.StructuredReply, default, static (_, _) => { }) is null)
        {
            _session.Structured = true;
            if (Ask(Option.SetMetaContext, MetaContextQuery(), TakeContext) is not null)
                _session.Contexts.Clear(); // A refusal only means that block status is unknown.
        }

        if (Ask(Option.Go, GoRequest(), TakeInfo) is { } refusal)
        {
            if (refusal.Reply != OptionReply.ErrUnsup)
                throw new HandshakeException(Describe(refusal));
            ChooseByName();
        }

        Check();
        return _session;
    }

    private void Greet()
    {
        Span<byte> greeting = stackalloc byte[WireSize.ServerGreeting];
        channel.Read(greeting);
        if (BinaryPrimitives.ReadUInt64BigEndian(greeting) != Magic.Server)
            throw new HandshakeException("this is no NBD server");
        var flags = (HandshakeFlags)BinaryPrimitives.ReadUInt16BigEndian(greeting[16..]);
        if (BinaryPrimitives.ReadUInt64BigEndian(greeting[8..]) != Magic.Option || !flags.HasFlag(HandshakeFlags.FixedNewstyle))
            throw new HandshakeException("the server speaks an older protocol than fixed newstyle");
        flags &= HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes;
        _noZeroes = flags.HasFlag(HandshakeFlags.NoZeroes);
        Span<byte> answer = stackalloc byte[WireSize.ClientFlags];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)flags);
        channel.Write(answer);
    }

    /// <summary>Sends an option and takes its replies until the last one. Null if that is an ACK.</summary>
    private Refusal? Ask(Option option, ReadOnlySpan<byte> data, Action<OptionReply, byte[]> take)
    {
        Send(option, data);
        byte[] bytes = new byte[WireSize.OptionReplyHeader];
        for (int i = 0; i < Limits.MaxOptions; i++)
        {
            channel.Read(bytes);
            if (!OptionReplyHeader.TryRead(bytes, out OptionReplyHeader header) || header.Option != option || header.LengthBytes > Limits.MaxOptionBytes)
                throw new HandshakeException($"the server's answer to {option} is malformed");
            byte[] payload = new byte[header.LengthBytes];
            channel.Read(payload);
            if (header.IsError)
                return new Refusal(header.Reply, Encoding.UTF8.GetString(payload));
            if (header.Reply == OptionReply.Ack)
                return null;
            take(header.Reply, payload);
        }

        throw new HandshakeException($"the server's answer to {option} does not end");
    }

    private void Send(Option option, ReadOnlySpan<byte> data)
    {
        byte[] bytes = new byte[WireSize.OptionHeader + data.Length];
        new OptionHeader(option, (uint)data.Length).Write(bytes);
        data.CopyTo(bytes.AsSpan(WireSize.OptionHeader));
        channel.Write(bytes);
    }

    private byte[] MetaContextQuery()
    {
        string[] queries = [.. options.Contexts.Prepend(NbdContextNames.BaseAllocation).Distinct()];
        byte[] data = new byte[Counted(exportName) + sizeof(uint) + queries.Sum(Counted)];
        Span<byte> rest = WriteCounted(data, exportName);
        BinaryPrimitives.WriteUInt32BigEndian(rest, (uint)queries.Length);
        rest = rest[sizeof(uint)..];
        foreach (string query in queries)
            rest = WriteCounted(rest, query);
        return data;

        static int Counted(string text) => sizeof(uint) + Encoding.UTF8.GetByteCount(text);
    }

    /// <summary>What is left behind the string.</summary>
    private static Span<byte> WriteCounted(Span<byte> bytes, string text)
    {
        int lengthBytes = Encoding.UTF8.GetBytes(text, bytes[sizeof(uint)..]);
        BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)lengthBytes);
        return bytes[(sizeof(uint) + lengthBytes)..];
    }

    private byte[] GoRequest()
    {
        int nameBytes = Encoding.UTF8.GetByteCount(exportName);
        byte[] data = new byte[sizeof(uint) + nameBytes + (2 * sizeof(ushort))];
        BinaryPrimitives.WriteUInt32BigEndian(data, (uint)nameBytes);
        Encoding.UTF8.GetBytes(exportName, data.AsSpan(sizeof(uint)));
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(sizeof(uint) + nameBytes), 1);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(sizeof(uint) + nameBytes + sizeof(ushort)), (ushort)InfoItem.BlockSize);
        return data;
    }

    private void TakeContext(OptionReply reply, byte[] bytes)
    {
        if (reply != OptionReply.MetaContext)
            return;
        var data = new OptionData(bytes);
        uint id = data.UInt32();
        string name = data.RestString();
        // One that was not asked for is kept as well: its extents will come.
        if (!data.IsWhole || _session.Contexts.ContainsValue(id) || !_session.Contexts.TryAdd(name, id))
            throw new HandshakeException("the server's list of contexts is malformed");
    }

    private void TakeInfo(OptionReply reply, byte[] bytes)
    {
        var data = new OptionData(bytes);
        if (reply != OptionReply.Info)
            return;
        switch ((InfoItem)data.UInt16())
        {
            case InfoItem.Export:
                _session.LengthBytes = Length(data.UInt64());
                _session.Flags = (TransmissionFlags)data.UInt16();
                break;
            case InfoItem.BlockSize:
                _session.MinimumBlockBytes = data.UInt32();
                _session.PreferredBlockBytes = data.UInt32();
                _session.MaximumBlockBytes = data.UInt32();
                break;
            default:
                return; // Not asked for, and allowed.
        }

        if (!data.IsWhole)
            throw new HandshakeException("the server's description of the export is malformed");
    }

    private void ChooseByName()
    {
        Send(Option.ExportName, Encoding.UTF8.GetBytes(exportName));
        byte[] reply = new byte[WireSize.ExportNameReply + (_noZeroes ? 0 : WireSize.ExportNameZeroes)];
        channel.Read(reply);
        _session.LengthBytes = Length(BinaryPrimitives.ReadUInt64BigEndian(reply));
        _session.Flags = (TransmissionFlags)BinaryPrimitives.ReadUInt16BigEndian(reply.AsSpan(8));
    }

    private void Check()
    {
        if (!_session.Has(TransmissionFlags.HasFlags))
            throw new HandshakeException("the server did not describe the export");
        uint minimum = _session.MinimumBlockBytes;
        if (minimum is 0 or > Limits.DirectReceiveBytes || (minimum & (minimum - 1)) != 0 || _session.MaximumBlockBytes < minimum)
            throw new HandshakeException($"the server's block sizes are no sizes ({minimum}, {_session.MaximumBlockBytes})");
        _session.MaximumBlockBytes = Math.Min(_session.MaximumBlockBytes, Limits.MaxPayloadBytes) & ~(minimum - 1);
    }

    private static long Length(ulong lengthBytes) =>
        lengthBytes <= long.MaxValue ? (long)lengthBytes : throw new HandshakeException($"the server's export of {lengthBytes} bytes is too long");

    private static string Describe(Refusal refusal)
    {
        string kind = refusal.Reply switch
        {
            OptionReply.ErrUnknown => "the server has no such export",
            OptionReply.ErrPolicy => "the server does not allow it",
            OptionReply.ErrTlsRequired => "the server wants TLS, which is not available yet",
            OptionReply.ErrShutdown => "the server is being stopped",
            _ => $"the server refused ({refusal.Reply})",
        };
        return refusal.Text.Length == 0 ? kind : $"{kind}: {refusal.Text}";
    }

    private sealed record Refusal(OptionReply Reply, string Text);
}
