using System.Net.Sockets;

namespace Replication.Nbd.Server;

/// <summary>One listener's thread: accepts connections until it is stopped.</summary>
internal sealed class AcceptLoop : IDisposable
{
    /// <summary>Pause after an accept that failed for want of descriptors or memory: the listener stays readable, and the loop must not spin.</summary>
    private const int RetryPauseMs = 100;

    private readonly NbdListener _listener;
    private readonly Action<Socket> _accepted;
    private readonly WakeEvent _wake = new();
    private readonly Thread _thread;
    private volatile bool _isStopped;

    public AcceptLoop(NbdListener listener, Action<Socket> accepted)
    {
        _listener = listener;
        _accepted = accepted;
        _thread = new Thread(Run) { IsBackground = true, Name = "nbd accept" };
    }

    public void Start() => _thread.Start();

    /// <summary>Ends the loop and the listener; when it has returned no connection is accepted any more.</summary>
    public void Dispose()
    {
        _isStopped = true;
        _wake.Set();
        if (_thread.IsAlive)
            _thread.Join();
        _listener.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        while (!_isStopped)
        {
            try
            {
                Socket socket = _listener.Socket.Accept();
                socket.Blocking = true; // Our own calls say for each whether they may wait.
                _accepted(socket);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                Wait((int)_listener.Socket.SafeHandle.DangerousGetHandle(), -1);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                Wait(-1, RetryPauseMs);
            }
        }
    }

    private unsafe void Wait(int listener, int timeoutMs)
    {
        Libc.PollDescriptor* descriptors = stackalloc Libc.PollDescriptor[2];
        descriptors[0] = new Libc.PollDescriptor { Descriptor = _wake.Descriptor, Events = Libc.PollIn };
        descriptors[1] = new Libc.PollDescriptor { Descriptor = listener, Events = Libc.PollIn };
        _ = Libc.poll(descriptors, 2, timeoutMs);
    }
}
