using System.Diagnostics;
using Replication.Block;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Drill.Guests;

/// <summary>
/// A VM that writes as fast as it is answered, several requests in flight, each of its own seeded
/// stream; every reply goes into the model and every read is compared.
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
    private readonly long[] _longestTicks = new long[2]; // of writes sent before _detachedAt, and after it; Interlocked
    private long _detachedAt = long.MaxValue; // a Stopwatch timestamp; Volatile
    private readonly long[] _sentAt = new long[lanes]; // when each lane's write in flight was sent, a Stopwatch timestamp; 0: none. Volatile
    private long _strictFrom = long.MaxValue; // a Stopwatch timestamp; Volatile
    private long _strictWrites; // Interlocked

    public NodeSide Side => side;
    public long Requests => Volatile.Read(ref _requests);
    public long WrittenBytes => Volatile.Read(ref _writtenBytes);

    /// <summary>Begins to measure writes, those in flight among them.</summary>
    public void BeginMeasuring()
    {
        Volatile.Write(ref _detachedAt, long.MaxValue);
        Interlocked.Exchange(ref _longestTicks[0], 0);
        Interlocked.Exchange(ref _longestTicks[1], 0);
    }

    /// <summary>Writes that are sent from here on are told from those before.</summary>
    public void MarkDetached() => Volatile.Write(ref _detachedAt, Stopwatch.GetTimestamp());

    /// <summary>The longest that a write took, or has taken so far if it has no reply yet.</summary>
    /// <param name="afterDetached">Of those sent after the mark; else of those before.</param>
    public TimeSpan LongestWrite(bool afterDetached)
    {
        long longest = Volatile.Read(ref _longestTicks[afterDetached ? 1 : 0]);
        long now = Stopwatch.GetTimestamp();
        for (int lane = 0; lane < lanes; lane++)
        {
            if (Volatile.Read(ref _sentAt[lane]) is var sentAt and not 0 && IsAfter(sentAt) == afterDetached)
                longest = Math.Max(longest, now - sentAt);
        }

        return Stopwatch.GetElapsedTime(0, longest);
    }

    /// <summary>From here on no write that is sent may be acknowledged; <see cref="WritesAgainstTheRule"/> counts those that are.</summary>
    public void ForbidWrites() => Volatile.Write(ref _strictFrom, Stopwatch.GetTimestamp());

    public long WritesAgainstTheRule => Volatile.Read(ref _strictWrites);

    public void Start()
    {
        lock (_gate)
            _moving = lanes;
        for (int lane = 0; lane < lanes; lane++)
        {
            DrillRandom random = DrillRandom.Of(seed, ((int)side * 1000) + lane);
            // A disk in memory answers at once: without a thread of its own a lane would never return.
            int number = lane;
            _ = Task.Run(() => RunLaneAsync(number, random));
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

    /// <summary>Ends the guest for good: what is in flight is its last.</summary>
    public void Stop()
    {
        lock (_gate)
            _stopped = true;
        Resume();
    }

    /// <summary>The same; returns when nothing of it is in flight.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Stop();
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

    private async Task RunLaneAsync(int lane, DrillRandom random)
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
                    await IssueAsync(lane, drawn, request);
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

    private async Task IssueAsync(int lane, Workload.Drawn drawn, GuestRequest request)
    {
        BlockNode disk = disks[drawn.Disk];
        long sentAt = Stopwatch.GetTimestamp();
        Volatile.Write(ref _sentAt[lane], request.Changes ? sentAt : 0);
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
        finally
        {
            Volatile.Write(ref _sentAt[lane], 0);
        }

        if (model.Complete(request) is { } mismatch)
            throw new DrillException($"a read at {drawn.Range} was wrong: {mismatch}");
        Interlocked.Increment(ref _requests);
        if (request.Changes)
            CountWrite(drawn.Range.LengthBytes, sentAt);
    }

    private bool IsAfter(long sentAt) => sentAt >= Volatile.Read(ref _detachedAt);

    private void CountWrite(long lengthBytes, long sentAt)
    {
        Interlocked.Add(ref _writtenBytes, lengthBytes);
        long took = Stopwatch.GetTimestamp() - sentAt;
        ref long longest = ref _longestTicks[IsAfter(sentAt) ? 1 : 0];
        for (long known = Volatile.Read(ref longest); took > known;)
            known = Interlocked.CompareExchange(ref longest, took, known) is var seen && seen == known ? took : seen;
        if (sentAt >= Volatile.Read(ref _strictFrom))
            Interlocked.Increment(ref _strictWrites);
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
