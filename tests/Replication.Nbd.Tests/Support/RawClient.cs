using Replication.Nbd.Wire;

namespace Replication.Nbd.Tests;

/// <summary>A client that says exactly what a test wants it to say.</summary>
internal sealed class RawClient(NbdAddress address) : Peer(Connect(address))
{
    /// <summary>Connected, with the greeting exchanged.</summary>
    public static RawClient Greeted(NbdAddress address, HandshakeFlags flags = HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes)
    {
        var client = new RawClient(address);
        Assert.Equal(Magic.Server, client.ReadUInt64());
        Assert.Equal(Magic.Option, client.ReadUInt64());
        Assert.Equal(HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes, (HandshakeFlags)client.ReadUInt16());
        client.Send((uint)flags);
        return client;
    }

    /// <summary>In transmission.</summary>
    public static RawClient Opened(NbdAddress address, bool structured = false, bool contexts = false, string name = "disk0")
    {
        RawClient client = Greeted(address);
        if (structured)
            Assert.Equal(OptionReply.Ack, client.Ask(Option.StructuredReply).Last().Reply);
        if (contexts)
        {
            Assert.Equal(
                [OptionReply.MetaContext, OptionReply.Ack],
                client.Ask(Option.SetMetaContext, ContextData(name, "base:allocation")).Select(reply => reply.Reply));
        }

        Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, InfoData(name)).Last().Reply);
        return client;
    }

    public static byte[] InfoData(string name, params InfoItem[] items) =>
        Bytes([(uint)System.Text.Encoding.UTF8.GetByteCount(name), name, (ushort)items.Length, .. items]);

    public static byte[] ContextData(string name, params string[] queries) =>
        Bytes([(uint)name.Length, name, (uint)queries.Length, .. queries.SelectMany(query => new object[] { (uint)query.Length, query })]);

    public void SendOption(Option option, params byte[] data) => Send(Magic.Option, option, (uint)data.Length, data);

    /// <summary>Sends an option and reads its replies up to the last.</summary>
    public List<(OptionReply Reply, byte[] Data)> Ask(Option option, params byte[] data)
    {
        SendOption(option, data);
        List<(OptionReply Reply, byte[] Data)> replies = [];
        do
        {
            Assert.Equal(Magic.OptionReply, ReadUInt64());
            Assert.Equal(option, (Option)ReadUInt32());
            var reply = (OptionReply)ReadUInt32();
            replies.Add((reply, Read((int)ReadUInt32())));
        }
        while (replies[^1].Reply != OptionReply.Ack && !replies[^1].Reply.HasFlag(OptionReply.ErrorBit));
        return replies;
    }

    public void Request(Command command, ulong cookie, ulong offsetBytes, uint lengthBytes, CommandFlags flags = CommandFlags.None, params byte[] payload) =>
        Send(Magic.Request, flags, command, cookie, offsetBytes, lengthBytes, payload);

    /// <summary>A request in one piece with others: for <see cref="Peer.Send"/>.</summary>
    public static byte[] RequestBytes(
        Command command, ulong cookie, ulong offsetBytes, uint lengthBytes, CommandFlags flags = CommandFlags.None, params byte[] payload) =>
        Bytes(Magic.Request, flags, command, cookie, offsetBytes, lengthBytes, payload);

    public (NbdError Error, ulong Cookie) ReadSimple()
    {
        Assert.Equal(Magic.SimpleReply, ReadUInt32());
        return ((NbdError)ReadUInt32(), ReadUInt64());
    }

    public NbdError ReadSimple(ulong cookie)
    {
        (NbdError error, ulong found) = ReadSimple();
        Assert.Equal(cookie, found);
        return error;
    }

    public (ChunkFlags Flags, ChunkType Type, ulong Cookie, byte[] Data) ReadChunk()
    {
        Assert.Equal(Magic.StructuredReply, ReadUInt32());
        var flags = (ChunkFlags)ReadUInt16();
        var type = (ChunkType)ReadUInt16();
        ulong cookie = ReadUInt64();
        return (flags, type, cookie, Read((int)ReadUInt32()));
    }

    /// <summary>The error of a request's reply, in either form; none where it succeeded. Only for requests whose success carries no data.</summary>
    public NbdError ReadResult(ulong cookie)
    {
        uint magic = ReadUInt32();
        if (magic == Magic.SimpleReply)
        {
            var error = (NbdError)ReadUInt32();
            Assert.Equal(cookie, ReadUInt64());
            return error;
        }

        Assert.Equal(Magic.StructuredReply, magic);
        Assert.Equal(ChunkFlags.Done, (ChunkFlags)ReadUInt16());
        var type = (ChunkType)ReadUInt16();
        Assert.Equal(cookie, ReadUInt64());
        byte[] data = Read((int)ReadUInt32());
        return type == ChunkType.Error ? (NbdError)System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(data) : NbdError.None;
    }
}
