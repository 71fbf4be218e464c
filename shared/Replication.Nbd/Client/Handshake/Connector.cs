using System.Net;
using System.Net.Sockets;

namespace Replication.Nbd.Client;

/// <summary>Brings a socket to an address, on the thread of the connection to be, within the deadline.</summary>
internal sealed class Connector(NbdAddress address, TimeSpan deadline, Func<string?> cancelled)
{
    private readonly long _endMs = Environment.TickCount64 + (long)deadline.TotalMilliseconds;

    /// <param name="opened">Gets each socket before it is waited for, so that a cancel can wake the wait.</param>
    /// <exception cref="HandshakeException">With the reason.</exception>
    public StreamSocket Connect(Action<StreamSocket> opened)
    {
        string trouble = "the host has no address";
        foreach (EndPoint endPoint in EndPoints())
        {
            var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, address.IsUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
            var stream = new StreamSocket(socket);
            opened(stream);
            try
            {
                socket.Blocking = false;
                Reach(socket, stream, endPoint);
                return stream;
            }
            catch (SocketException e)
            {
                stream.Dispose();
                trouble = e.Message;
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }

        throw new HandshakeException(trouble);
    }

    private EndPoint[] EndPoints()
    {
        if (address.IsUnix)
            return [new UnixDomainSocketEndPoint(address.SocketPath)];
        try
        {
            return [.. Dns.GetHostAddresses(address.Host).Select(ip => new IPEndPoint(ip, address.Port))];
        }
        catch (SocketException e)
        {
            throw new HandshakeException($"the host name cannot be resolved ({e.Message})");
        }
    }

    private void Reach(Socket socket, StreamSocket stream, EndPoint endPoint)
    {
        while (true)
        {
            try
            {
                socket.Connect(endPoint);
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress or SocketError.TryAgain)
            {
                if (endPoint is UnixDomainSocketEndPoint)
                {
                    Wait(stream, forWriting: false, Limits.ConnectRetryMs);
                    continue;
                }
            }

            Wait(stream, forWriting: true, int.MaxValue);
            int error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
            if (error != 0)
                throw new SocketException(error);
            return;
        }
    }

    private void Wait(StreamSocket stream, bool forWriting, int timeoutMs)
    {
        while (true)
        {
            if (cancelled() is { } reason)
                throw new HandshakeException(reason);
            long leftMs = _endMs - Environment.TickCount64;
            if (leftMs <= 0)
                throw new HandshakeException($"no connection within {deadline.TotalSeconds:0.###} s");
            bool isReady = stream.Wait(forReading: false, forWriting, (int)Math.Min(leftMs, timeoutMs));
            if (isReady || timeoutMs < leftMs)
                return;
        }
    }
}
