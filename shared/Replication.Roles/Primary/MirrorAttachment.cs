using Replication.Block.Replication;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <summary>
/// One attach as the primary holds it: the session, and for each disk a connection, a link over it and the replication filter that is the quorum's mirror child.
/// </summary>
internal sealed class MirrorAttachment : IMirrorSessionObserver
{
    private readonly PrimaryRole _role;
    private readonly TimeProvider _time;
    private readonly List<(PrimaryDisk Disk, IMirrorConnection Connection, MirrorLink Link, PrimaryFilter Filter)> _children = [];
    private readonly Lock _removalLock = new();
    private Task? _removal; // guarded by _removalLock
    private readonly CopyPace _pace;
    private int _closing; // 0 or 1; Interlocked

    private MirrorAttachment(PrimaryRole role, Guid token, MirrorSessionOptions options, CopyPace pace, TimeProvider time)
    {
        _role = role;
        _pace = pace;
        _time = time;
        Session = new MirrorSession(token, options, this, time);
    }

    public MirrorSession Session { get; }

    public Guid Token => Session.Token;

    /// <summary>Connects every disk's export of the session; nothing is forwarded yet.</summary>
    /// <exception cref="VerbException">An export cannot be reached, or has another length.</exception>
    public static async Task<MirrorAttachment> ConnectAsync(PrimaryRole role, RoleContext context, IMirrorTransport transport, Guid token, IReadOnlyList<PrimaryDisk> disks, CancellationToken cancellationToken)
    {
        MirrorOptions options = context.Options.Mirror;
        var attachment = new MirrorAttachment(
            role, token, new MirrorSessionOptions { Acknowledge = options.Acknowledge, Deadline = options.Deadline, WindowBytes = options.WindowBytes }, new CopyPace(context.Time, options.ResyncRate), context.Time);
        try
        {
            foreach (PrimaryDisk disk in disks)
                attachment.Add(disk, await transport.ConnectAsync($"{disk.Name}@{token:N}", cancellationToken));
            return attachment;
        }
        catch
        {
            await attachment.CloseAsync();
            throw;
        }
    }

    /// <summary>From here on every guest write is forwarded. Call under the closed gate, so that it begins on all disks at once.</summary>
    public async Task AddChildrenAsync()
    {
        foreach (var child in _children)
        {
            child.Filter.Run(ReplicationVerb.Start);
            await child.Disk.Quorum.AddChildAsync(child.Filter, child.Link);
        }
    }

    /// <summary>Nothing more is forwarded; what was is the session's affair. Repeated calls do nothing.</summary>
    public Task RemoveChildrenAsync()
    {
        // A loss and a verb may both come here: one removes, the other waits for it.
        lock (_removalLock)
            return _removal ??= RemoveAsync();
    }

    private async Task RemoveAsync()
    {
        foreach (var child in _children)
        {
            if (child.Disk.Quorum.MirrorName == child.Filter.Name)
                await child.Disk.Quorum.RemoveChildAsync(child.Filter.Name);
            child.Filter.Run(ReplicationVerb.Stop);
        }
    }

    /// <summary>The link of a disk: what a sync asks for the status of the secondary's disk.</summary>
    public MirrorLink LinkOf(PrimaryDisk disk) => _children.First(child => child.Disk == disk).Link;

    /// <summary>Before each copy of a sync: waits for as long as the configured rate wants it, or until the session is lost.</summary>
    public ValueTask PaceAsync(long lengthBytes, CancellationToken cancellationToken) => _pace.TakeAsync(lengthBytes, ThrowIfLost, cancellationToken);

    /// <summary>Waits until everything that was forwarded has been answered.</summary>
    /// <exception cref="VerbException">It was not within the deadline, or the session is lost.</exception>
    public async Task DrainAsync(TimeSpan deadline)
    {
        DrainResult result = await Session.DrainAsync(deadline > TimeSpan.Zero ? deadline : TimeSpan.Zero);
        ThrowIfLost();
        if (result != DrainResult.Drained)
            throw new VerbException(VerbFailure.Failed, $"the mirror was not drained within {deadline.TotalMilliseconds:0} ms: {Session.UnansweredForwards} forwards are unanswered");
    }

    /// <summary>The same as far as it goes, while the guest writes on.</summary>
    public Task TryDrainAsync(TimeSpan deadline) => Session.Options.Acknowledge == Acknowledge.Local ? Session.DrainAsync(deadline) : Task.CompletedTask;

    /// <summary>Every disk of the secondary is flushed. These flushes are no guest's, so the session's own watch does not see them: one that is not answered in time loses it.</summary>
    /// <exception cref="VerbException">The session is lost.</exception>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        TimeSpan deadline = Session.Options.FlushDeadline;
        foreach (var child in _children)
        {
            try
            {
                await child.Connection.Node.FlushAsync().AsTask().WaitAsync(deadline, _time, cancellationToken);
            }
            catch (TimeoutException)
            {
                Session.Lose(new MirrorLoss(MirrorLossCause.FlushUnanswered, $"the secondary has not answered a flush for {deadline.TotalSeconds} s", child.Disk.Name));
            }
        }

        ThrowIfLost();
    }

    /// <exception cref="VerbException">The session is lost; names the reason.</exception>
    public void ThrowIfLost()
    {
        if (Session.Loss is { } loss)
            throw new VerbException(VerbFailure.Failed, $"the mirror was lost: {loss.Message}");
    }

    /// <summary>Ends the session and closes its connections, pending or not. Repeated calls do nothing.</summary>
    public async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _closing, 1) != 0)
            return;
        await Session.DisposeAsync();
        foreach (var child in _children)
            await child.Connection.DisposeAsync();
    }

    void IMirrorSessionObserver.Suspicious(MirrorSession session) => _role.OnSessionSuspicious(this);

    void IMirrorSessionObserver.Lost(MirrorSession session, MirrorLoss loss) => _role.OnSessionLost(this, loss);

    private void Add(PrimaryDisk disk, IMirrorConnection connection)
    {
        if (connection.Node.LengthBytes != disk.Quorum.LengthBytes)
            throw new VerbException(VerbFailure.Failed, $"disk '{disk.Name}' has {disk.Quorum.LengthBytes} bytes on the primary and {connection.Node.LengthBytes} bytes on the secondary: they must be equal");
        MirrorLink link = Session.AddLink(disk.Name, connection);
        _children.Add((disk, connection, link, new PrimaryFilter($"{disk.Name}.replication", link)));
    }
}
