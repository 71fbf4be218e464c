using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Replication.Testing;

namespace Replication.Nbd.Tests;

/// <summary>The other end of a real socket, driven by a test byte by byte: what it sends need not be NBD. Numbers go out big-endian.</summary>
internal class Peer(Socket socket) : IDisposable
{
    public Socket Socket { get; } = Prepared(socket);

    public static Socket Connect(NbdAddress address)
    {
        var socket = address.IsUnix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(address.IsUnix ? new UnixDomainSocketEndPoint(address.SocketPath) : new IPEndPoint(IPAddress.Loopback, address.Port));
        return socket;
    }

    /// <summary>Concatenates: integers big-endian in their own width, strings as UTF-8, byte arrays as they are.</summary>
    public static byte[] Bytes(params object[] parts)
    {
        using var stream = new MemoryStream();
        Span<byte> number = stackalloc byte[8];
        foreach (object part in parts)
        {
            switch (part)
            {
                case byte[] bytes:
                    stream.Write(bytes);
                    continue;
                case string text:
                    stream.Write(Encoding.UTF8.GetBytes(text));
                    continue;
                case ushort value:
                    BinaryPrimitives.WriteUInt16BigEndian(number, value);
                    stream.Write(number[..2]);
                    continue;
                case uint value:
                    BinaryPrimitives.WriteUInt32BigEndian(number, value);
                    stream.Write(number[..4]);
                    continue;
                case ulong value:
                    BinaryPrimitives.WriteUInt64BigEndian(number, value);
                    stream.Write(number);
                    continue;
                case Enum value:
                    stream.Write(Bytes(Convert.ChangeType(value, Enum.GetUnderlyingType(value.GetType()), null)));
                    continue;
                default:
                    throw new ArgumentException($"{part.GetType()} has no form on the wire");
            }
        }

        return stream.ToArray();
    }

    public void Send(params object[] parts)
    {
        byte[] bytes = Bytes(parts);
        for (int sent = 0; sent < bytes.Length;)
            sent += Socket.Send(bytes.AsSpan(sent));
    }

    public byte[] Read(int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        for (int received = 0; received < lengthBytes;)
        {
            int now = Socket.Receive(bytes.AsSpan(received));
            Assert.True(now > 0, $"the connection ended after {received} of {lengthBytes} bytes");
            received += now;
        }

        return bytes;
    }

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Read(2));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Read(4));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Read(8));

    /// <summary>The other side has hung up, and has sent nothing more.</summary>
    public void ExpectEnd()
    {
        try
        {
            Assert.Equal(0, Socket.Receive(new byte[1]));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It hung up without having read all that we sent.
        }
    }

    /// <summary>The other side hangs up, whatever it sends before.</summary>
    public void ReadToEnd()
    {
        try
        {
            while (Socket.Receive(new byte[4096]) > 0)
            {
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It hung up without having read all that we sent.
        }
    }

    public void Dispose() => Socket.Dispose();

    private static Socket Prepared(Socket socket)
    {
        socket.ReceiveTimeout = socket.SendTimeout = (int)TestTimeouts.Patience.TotalMilliseconds;
        return socket;
    }
}
