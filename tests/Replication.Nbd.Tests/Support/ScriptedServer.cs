using System.Net;
using System.Net.Sockets;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests;

/// <summary>A server that says exactly what a test wants it to say, to one client.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<ServerPeer> _peers = [];

    public ScriptedServer()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Address = NbdAddress.Tcp("127.0.0.1", ((IPEndPoint)_listener.LocalEndPoint!).Port);
    }

    public NbdAddress Address { get; }

    public static TransmissionFlags AllFlags =>
        TransmissionFlags.HasFlags | TransmissionFlags.Flush | TransmissionFlags.Fua | TransmissionFlags.Trim | TransmissionFlags.WriteZeroes;

    /// <summary>
    /// A client connected to this server, with base:allocation as context 42 and the others behind it, and the server's end of the connection after the
    /// handshake.
    /// </summary>
    public async Task<(NbdClientNode Client, ServerPeer Peer)> OpenAsync(
        ulong lengthBytes = 1 << 20, bool structured = false, TransmissionFlags? flags = null, NbdClientOptions? options = null,
        params string[] contexts)
    {
        options = (options ?? new NbdClientOptions()) with { Structured = structured, Contexts = contexts };
        Task<NbdClientNode> connecting = NbdClient.ConnectAsync(Address, "disk0", options);
        ServerPeer peer = Accept();
        peer.Greet();
        if (structured)
        {
            peer.Expect(Option.StructuredReply);
            peer.Reply(Option.StructuredReply, OptionReply.Ack);
            string[] all = ["base:allocation", .. contexts];
            Assert.Equal(RawClient.ContextData("disk0", all), peer.Expect(Option.SetMetaContext));
            for (uint i = 0; i < all.Length; i++)
                peer.Reply(Option.SetMetaContext, OptionReply.MetaContext, Peer.Bytes(42u + i, all[i]));
            peer.Reply(Option.SetMetaContext, OptionReply.Ack);
        }

        peer.Expect(Option.Go);
        peer.Reply(Option.Go, OptionReply.Info, Peer.Bytes(InfoItem.Export, lengthBytes, flags ?? AllFlags));
        peer.Reply(Option.Go, OptionReply.Ack);
        return (await connecting.WaitAsync(TestTimeouts.Patience), peer);
    }

    public ServerPeer Accept()
    {
        var peer = new ServerPeer(_listener.Accept());
        _peers.Add(peer); // The collector would close a socket that a test only waits for.
        return peer;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _peers.ForEach(peer => peer.Dispose());
    }

    internal sealed class ServerPeer(Socket socket) : Peer(socket)
    {
        public void Greet(HandshakeFlags flags = HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes)
        {
            Send(Magic.Server, Magic.Option, flags);
            Assert.Equal((uint)flags, ReadUInt32());
        }

        public byte[] Expect(Option option)
        {
            Assert.Equal(Magic.Option, ReadUInt64());
            Assert.Equal(option, (Option)ReadUInt32());
            return Read((int)ReadUInt32());
        }

        public void Reply(Option option, OptionReply reply, params byte[] data) => Send(Magic.OptionReply, option, reply, (uint)data.Length, data);

        /// <summary>The next request, a write's payload included.</summary>
        public (RequestHeader Header, byte[] Payload) ReadRequest()
        {
            Assert.True(RequestHeader.TryRead(Read(WireSize.Request), out RequestHeader header));
            return (header, header.Command == Command.Write ? Read((int)header.LengthBytes) : []);
        }

        public void SendSimple(ulong cookie, NbdError error = NbdError.None, params byte[] data) => Send(Magic.SimpleReply, error, cookie, data);

        public void SendChunk(ulong cookie, ChunkType type, ChunkFlags flags, params object[] payload)
        {
            byte[] data = Bytes(payload);
            Send(Magic.StructuredReply, flags, type, cookie, (uint)data.Length, data);
        }
    }
}
