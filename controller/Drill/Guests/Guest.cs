using Replication.Block;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Guests;

/// <summary>
/// A VM that writes as fast as it is answered, several requests in flight, each of its own seeded stream; every reply goes into the model and every read is compared.
/// </summary>
internal sealed class Guest(NodeSide side, GroupModel model, IReadOnlyList<BlockNode> disks, ulong seed, int lanes)
{
    private static readonly TimeSpan s_noRoom = TimeSpan.FromMilliseconds(1);

    // Guards what follows up to the counters.
    private readonly Lock _gate = new();
    private TaskCompletionSource _resumed = Completed();
    private TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _moving;
    private bool _paused;
    private bool _stopped;
    private Exception? _failure;

    private long _requests;
    private long _writtenBytes;

    public NodeSide Side => side;
    public long Requests => Volatile.Read(ref _requests);
    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    public void Start()
    {
        lock (_gate)
            _moving = lanes;
        for (int lane = 0; lane < lanes; lane++)
        {
            DrillRandom random = DrillRandom.Of(seed, ((int)side * 1000) + lane);
            // A disk in memory answers at once: without a thread of its own a lane would never return.
            _ = Task.Run(() => RunLaneAsync(random));
        }
    }

    /// <summary>Returns when nothing of this guest is in flight.</summary>
    public Task PauseAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _paused = true;
            _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        return WaitIdleAsync("pause", cancellationToken);
    }

    public void Resume()
    {
        TaskCompletionSource resumed;
        lock (_gate)
        {
            _paused = false;
            resumed = _resumed;
        }

        resumed.TrySetResult();
    }

    /// <summary>Ends the guest for good; returns when nothing of it is in flight.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
            _stopped = true;
        Resume();
        return WaitIdleAsync("stop", cancellationToken);
    }

    /// <summary>A guest must never see an error, nor a wrong byte.</summary>
    public void ThrowIfFailed()
    {
        lock (_gate)
        {
            if (_failure is not null)
                throw new DrillException($"the {Name} guest: {_failure.Message}", _failure);
        }
    }

    /// <summary>Its node was killed: what it saw since is no news. Returns when it has noticed.</summary>
    public async Task ForgiveDeathAsync(CancellationToken cancellationToken)
    {
        await StopAsync(cancellationToken);
        lock (_gate)
        {
            if (_failure is DrillException)
                throw new DrillException($"the {Name} guest: {_failure.Message}", _failure);
            _failure = null;
        }
    }

    private string Name => side == NodeSide.Primary ? "primary" : "secondary";

    private static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }

    private async Task WaitIdleAsync(string what, CancellationToken cancellationToken)
    {
        Task idle;
        lock (_gate)
        {
            if (_moving == 0)
                return;
            _idle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            idle = _idle.Task;
        }

        try
        {
            await idle.WaitAsync(Limits.Drain, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new DrillException($"the {Name} guest had requests without an answer {Limits.Drain.TotalSeconds} s after it was told to {what}", e);
        }
    }

    private async Task RunLaneAsync(DrillRandom random)
    {
        byte[] buffer = new byte[Limits.RequestBytes];
        try
        {
            while (await MayGoOnAsync())
            {
                Workload.Drawn drawn;
                GuestRequest? request;
                (drawn, request, random) = TryDraw(random, buffer);
                if (request is null)
                    await Task.Delay(s_noRoom);
                else
                    await IssueAsync(drawn, request);
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }

        lock (_gate)
            LeaveLocked();
    }

    private (Workload.Drawn Drawn, GuestRequest? Request, DrillRandom Random) TryDraw(DrillRandom random, byte[] buffer)
    {
        for (int i = 0; i < Limits.Draws; i++)
        {
            Workload.Drawn drawn = Workload.Draw(ref random, model.LengthBytes, disks.Count);
            Memory<byte> bytes = buffer.AsMemory(0, (int)drawn.Range.LengthBytes);
            if (drawn.Kind == RequestKind.Write)
                random.Fill(bytes.Span);
            else
                bytes.Span.Clear();
            if (drawn.Kind == RequestKind.Read)
                bytes.Span.Fill(0xA5); // a reply that brings nothing is seen
            var request = new GuestRequest(side, drawn.Disk, drawn.Kind, drawn.Range, bytes);
            if (model.TryBegin(request))
                return (drawn, request, random);
        }

        return (default, null, random);
    }

    private async Task IssueAsync(Workload.Drawn drawn, GuestRequest request)
    {
        BlockNode disk = disks[drawn.Disk];
        try
        {
            await (drawn.Kind switch
            {
                RequestKind.Write => disk.WriteAsync(drawn.Range.OffsetBytes, request.Buffer, drawn.Flags),
                RequestKind.Zero => disk.WriteZeroesAsync(drawn.Range, drawn.Flags),
                RequestKind.Trim => disk.DiscardAsync(drawn.Range),
                RequestKind.Flush => disk.FlushAsync(),
                _ => disk.ReadAsync(drawn.Range.OffsetBytes, request.Buffer),
            });
        }
        catch
        {
            model.Abandon(request);
            throw;
        }

        if (model.Complete(request) is { } mismatch)
            throw new DrillException($"a read at {drawn.Range} was wrong: {mismatch}");
        Interlocked.Increment(ref _requests);
        if (request.Changes)
            Interlocked.Add(ref _writtenBytes, drawn.Range.LengthBytes);
    }

    /// <summary>Waits while the guest is paused; false when it is over.</summary>
    private async ValueTask<bool> MayGoOnAsync()
    {
        while (true)
        {
            Task resumed;
            lock (_gate)
            {
                if (_stopped)
                    return false;
                if (!_paused)
                    return true;
                LeaveLocked();
                resumed = _resumed.Task;
            }

            await resumed;
            lock (_gate)
                _moving++;
        }
    }

    private void LeaveLocked()
    {
        if (--_moving == 0)
            _idle.TrySetResult();
    }

    private void Fail(Exception e)
    {
        lock (_gate)
        {
            // The first reason wins; a wrong byte is never hidden by a lost connection.
            if (_failure is null || (e is DrillException && _failure is not DrillException))
                _failure = e;
            _stopped = true;
        }
    }
}
