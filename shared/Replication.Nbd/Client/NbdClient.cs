using Replication.Nbd.Client;

namespace Replication.Nbd;

/// <summary>Opens connections to NBD servers.</summary>
public static class NbdClient
{
    /// <summary>Connects, shakes hands and chooses the export.</summary>
    /// <exception cref="NbdConnectException">With the reason: unreachable, unknown export, no answer within the deadline, …</exception>
    public static Task<NbdClientNode> ConnectAsync(
        NbdAddress address, string exportName, NbdClientOptions? options = null, CancellationToken cancellationToken = default) =>
        new Opening(address, exportName, options ?? new NbdClientOptions(), cancellationToken).Start();

    /// <summary>A connection that is being opened, on the thread that will serve it.</summary>
    private sealed class Opening(NbdAddress address, string exportName, NbdClientOptions options, CancellationToken cancellationToken)
    {
        private readonly TaskCompletionSource<NbdClientNode> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile StreamSocket? _socket;

        private string Name => options.Name ?? (address with { ExportName = exportName }).ToString();

        public Task<NbdClientNode> Start()
        {
            if (cancellationToken.IsCancellationRequested)
                return Task.FromCanceled<NbdClientNode>(cancellationToken);
            new Thread(Run) { IsBackground = true, Name = $"nbd client {Name}" }.Start();
            return _opened.Task;
        }

        private void Run()
        {
            using CancellationTokenRegistration registration = cancellationToken.Register(Cancel);
            ClientConnection? connection;
            try
            {
                connection = Open();
            }
            catch (Exception e)
            {
                _opened.TrySetException(new NbdConnectException(address, exportName, e.Message, e));
                return;
            }

            if (!_opened.TrySetResult(connection.Node))
                connection.Close(new IOException("the connection is not wanted any more"));
            registration.Dispose();
            connection.Run();
        }

        private ClientConnection Open()
        {
            long startMs = Environment.TickCount64;
            StreamSocket socket = new Connector(address, options.ConnectDeadline, Cancelled).Connect(opened => _socket = opened);
            try
            {
                TimeSpan left = options.ConnectDeadline - TimeSpan.FromMilliseconds(Environment.TickCount64 - startMs);
                ClientSession session = new ClientHandshake(new HandshakeChannel(socket, left, Cancelled), exportName, options).Run();
                return new ClientConnection(Name, session, socket, options.Pool);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        private string? Cancelled() => cancellationToken.IsCancellationRequested ? "the caller gave up" : null;

        /// <summary>The caller does not wait for the thread, which may be held up in a name's resolution.</summary>
        private void Cancel()
        {
            _opened.TrySetCanceled(cancellationToken);
            _socket?.Wake();
        }
    }
}
