using System.Buffers;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Replication.Interop.Links;

/// <summary>One TCP connection over a link: two sockets, and for each way what is between them.</summary>
internal sealed class LinkConnection
{
    private const int PieceBytes = 64 << 10;
    private const int PiecesUnderWay = 32; // with the sockets' own buffers about what routers and hosts hold

    private readonly Socket _near;
    private readonly Socket _far;
    private readonly CancellationTokenSource _cut = new();
    private volatile bool _deafForth;
    private volatile bool _deafBack;

    /// <param name="near">The accepted socket: the primary's side.</param>
    /// <param name="far">The connected one: the secondary's side.</param>
    /// <param name="forth">From near to far.</param>
    /// <param name="back">From far to near.</param>
    public LinkConnection(Socket near, Socket far, LinkDirection forth, LinkDirection back)
    {
        (_near, _far) = (near, far);
        near.NoDelay = far.NoDelay = true;
        Ended = RunAsync(forth, back);
    }

    /// <summary>Completes when both ways have ended; never fails.</summary>
    public Task Ended { get; }

    /// <summary>Both hosts are told at once that the connection is reset.</summary>
    public void Reset()
    {
        foreach (Socket socket in new[] { _near, _far })
        {
            try
            {
                socket.LingerState = new LingerOption(true, 0);
                socket.Close();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It has ended already.
            }
        }

        _cut.Cancel();
    }

    /// <summary>One way ends: its receiver sees the end of the stream, and what its sender sends is lost. The other way goes on.</summary>
    public void HalfClose(bool forth)
    {
        try
        {
            if (forth)
                _deafForth = true;
            else
                _deafBack = true;
            (forth ? _far : _near).Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    private async Task RunAsync(LinkDirection forth, LinkDirection back)
    {
        await Task.WhenAll(CarryAsync(_near, _far, forth, () => _deafForth), CarryAsync(_far, _near, back, () => _deafBack));
        _near.Dispose();
        _far.Dispose();
    }

    private async Task CarryAsync(Socket source, Socket target, LinkDirection direction, Func<bool> deaf)
    {
        var wire = Channel.CreateBounded<(byte[] Piece, int LengthBytes, long SentAt)>(
            new BoundedChannelOptions(PiecesUnderWay) { SingleReader = true, SingleWriter = true });
        await Task.WhenAll(ReceiveAsync(source, wire.Writer), DeliverAsync(target, wire.Reader, direction, deaf));
    }

    private async Task ReceiveAsync(Socket source, ChannelWriter<(byte[] Piece, int LengthBytes, long SentAt)> wire)
    {
        try
        {
            while (true)
            {
                byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
                int lengthBytes = await source.ReceiveAsync(piece.AsMemory(0, PieceBytes), SocketFlags.None, _cut.Token);
                await wire.WriteAsync((piece, lengthBytes, TimeProvider.System.GetTimestamp()), _cut.Token);
                if (lengthBytes == 0)
                    break;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The sender has gone; what it sent before may still arrive.
        }

        wire.TryComplete();
    }

    private async Task DeliverAsync(Socket target, ChannelReader<(byte[] Piece, int LengthBytes, long SentAt)> wire, LinkDirection direction, Func<bool> deaf)
    {
        try
        {
            await foreach ((byte[] piece, int lengthBytes, long sentAt) in wire.ReadAllAsync(_cut.Token))
            {
                await direction.PassAsync(lengthBytes, sentAt, _cut.Token);
                // A half-closed way swallows what is still sent.
                if (!deaf())
                    await SendAsync(target, piece.AsMemory(0, lengthBytes), deaf);
                ArrayPool<byte>.Shared.Return(piece);
            }

            if (!deaf())
                target.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The receiver has gone; its sender finds out as over any wire.
            Reset();
        }
    }

    private async Task SendAsync(Socket target, ReadOnlyMemory<byte> bytes, Func<bool> deaf)
    {
        try
        {
            while (bytes.Length > 0)
                bytes = bytes[await target.SendAsync(bytes, SocketFlags.None, _cut.Token)..];
        }
        catch (SocketException) when (deaf())
        {
            // Closed this way meanwhile.
        }
    }
}
