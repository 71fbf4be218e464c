using Replication.Block.Dirty;
using Replication.Block.Replication;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <summary>
/// One attach as the primary holds it: the session, and for each disk a connection, a link over it
/// and the replication filter that is the quorum's mirror child.
/// </summary>
internal sealed partial class MirrorAttachment : IMirrorSessionObserver
{
    private readonly PrimaryRole _role;
    private readonly TimeProvider _time;
    private readonly List<(PrimaryDisk Disk, IMirrorConnection Connection, MirrorLink Link, PrimaryFilter Filter)> _children = [];
    private readonly Lock _childrenLock = new();
    private Task _adding = Task.CompletedTask; // guarded by _childrenLock
    private Task? _removal; // guarded by _childrenLock
    private readonly RoleContext _context;
    private readonly bool _durable;
    private readonly List<Task> _kept = []; // the loops; guarded by itself
    private MarkCleaner? _cleaner; // both set once, when the children are added
    private MarkCopier? _copier;
    private int _closing; // 0 or 1; Interlocked

    private MirrorAttachment(PrimaryRole role, RoleContext context, Guid token, Guid pairId, MirrorSessionOptions options)
    {
        PairId = pairId;
        _role = role;
        _context = context;
        _time = context.Time;
        _durable = context.Options.Durability == Durability.Power;
        Session = new MirrorSession(token, options, this, _time);
    }

    public MirrorSession Session { get; }

    public Guid Token => Session.Token;

    /// <summary>What the two nodes have in common once this session's first commit is done, or had before.</summary>
    public Guid PairId { get; }

    /// <summary>Connects every disk's export of the session; nothing is forwarded yet.</summary>
    /// <exception cref="VerbException">An export cannot be reached, or has another length.</exception>
    public static async Task<MirrorAttachment> ConnectAsync(
        PrimaryRole role, RoleContext context, IMirrorTransport transport, Guid token, Guid pairId, IReadOnlyList<PrimaryDisk> disks,
        CancellationToken cancellationToken)
    {
        MirrorOptions options = context.Options.Mirror;
        var attachment = new MirrorAttachment(
            role, context, token, pairId,
            new MirrorSessionOptions { Acknowledge = options.Acknowledge, Deadline = options.Deadline, WindowBytes = options.WindowBytes });
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

    /// <summary>Every disk with its marks; from <see cref="AddChildrenAsync"/> on.</summary>
    public IReadOnlyList<MarkedDisk> MarkedDisks { get; private set; } = [];

    /// <summary>The marks say what differs: the sync copies them and looks at nothing else.</summary>
    public bool SyncsByMarks { get; private set; }

    /// <summary>The secondary's checkpoints flush its disks; set before anything is forwarded.</summary>
    public bool PeerFlushesForCheckpoints { get; set; }

    /// <summary>Bytes that nothing on its way makes equal.</summary>
    public long NeedsCopyBytes => MarkedDisks.Sum(disk => disk.Marks.NeedsCopyBytes);

    /// <summary>
    /// From here on every guest write is forwarded. Call under the closed gate, so that it begins on all disks at once, when every disk is marked.
    /// </summary>
    /// <param name="byMarks">The sync copies what is marked, and looks at nothing else.</param>
    /// <param name="copyMarked">What is marked now stays so until it has been copied, whatever the sync looks at.</param>
    /// <exception cref="VerbException">The session is lost.</exception>
    public Task AddChildrenAsync(bool byMarks, bool copyMarked)
    {
        lock (_childrenLock)
        {
            // A session that was lost while the gate closed has had its children removed: what is added now would stay for good.
            if (_removal is not null)
            {
                ThrowIfLost();
                throw new VerbException(VerbFailure.Failed, "the mirror has been taken back");
            }

            return _adding = AddAsync(byMarks, copyMarked);
        }
    }

    private async Task AddAsync(bool byMarks, bool copyMarked)
    {
        SyncsByMarks = byMarks;
        var marked = new List<MarkedDisk>();
        foreach (var child in _children)
        {
            DirtyMarks marks = child.Disk.Quorum.Marks!;
            marked.Add(new MarkedDisk(child.Disk.Local, child.Disk.Quorum, marks, child.Link, await marks.BeginSessionAsync(copyMarked)));
            child.Filter.Run(ReplicationVerb.Start);
            await child.Disk.Quorum.AddChildAsync(child.Filter, child.Link);
        }

        MarkedDisks = marked;
        _cleaner = new MarkCleaner(Session, marked, _durable, _time);
        _copier = new MarkCopier(Session, marked, _time);
        Keep("clean dirty marks", _cleaner.RunAsync);
    }

    /// <summary>From here on what begins to need a copy is copied by itself.</summary>
    public void BeginBackgroundCopies() => Keep("copy long zeroing", _copier!.RunAsync);

    /// <summary>
    /// Waits until nothing needs a copy, for as long as that becomes less; the guest writes on, so that something may at once need one again.
    /// </summary>
    /// <exception cref="VerbException">The session is lost, or the guest outruns the mirror.</exception>
    public async Task WaitUntilCopiedAsync(CancellationToken cancellationToken)
    {
        bool copied = await _copier!.WaitUntilCopiedAsync(Limits.CopyPatience, cancellationToken);
        ThrowIfLost();
        if (!copied)
        {
            throw new VerbException(VerbFailure.Failed, $"the guest writes faster than the mirror follows: {NeedsCopyBytes} bytes are still to be copied, no "
                + $"fewer than {Limits.CopyPatience.TotalSeconds:0} s ago; try again when it writes less");
        }
    }

    /// <summary>
    /// Where the secondary's checkpoint flushes its disks: does it now, with the guest writing, until what is
    /// left is little or becomes no less. The secondary deals with the rest.
    /// </summary>
    /// <exception cref="VerbException">The session is lost, as after any flush of the peer that fails or has no answer in its time.</exception>
    public async Task FlushAheadAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        TimeSpan last = TimeSpan.MaxValue;
        for (int round = 0; PeerFlushesForCheckpoints && round < Limits.FlushesAhead; round++)
        {
            long began = _time.GetTimestamp();
            await Task.WhenAll(_children.Select(child => child.Link.FlushPeerAsync())).WaitAsync(cancellationToken);
            ThrowIfLost();
            TimeSpan took = _time.GetElapsedTime(began);
            if (took < deadline / Limits.ShortFlushShare || took > last / 2)
                return;
            last = took;
        }
    }

    /// <summary>Every disk of the secondary is flushed, and the marks of what had been answered before are cleared.</summary>
    /// <exception cref="VerbException">The session is lost.</exception>
    public async Task CleanAsync(CancellationToken cancellationToken)
    {
        bool flushed = await _cleaner!.CleanAsync().WaitAsync(cancellationToken);
        ThrowIfLost();
        if (!flushed)
            throw new VerbException(VerbFailure.Failed, "the primary disk could not be flushed");
    }

    /// <summary>A checkpoint has ended: where the pair is idle now its marks go soon.</summary>
    public void WakeCleaner() => _cleaner?.Wake();

    /// <summary>Nothing more is forwarded; what was is the session's affair. Repeated calls do nothing.</summary>
    public Task RemoveChildrenAsync()
    {
        // A loss and a verb may both come here: one removes, the other waits for it.
        lock (_childrenLock)
            return _removal ??= RemoveAsync(_adding);
    }

    private async Task RemoveAsync(Task adding)
    {
        try
        {
            await adding;
        }
        catch (IOException)
        {
            // The failure of who adds; what has been added goes.
        }

        // A copy that finds no mirror child any more is no loss.
        _copier?.End();
        foreach (var child in _children)
        {
            if (child.Disk.Quorum.MirrorName == child.Filter.Name)
                await child.Disk.Quorum.RemoveChildAsync(child.Filter.Name);
            child.Filter.Run(ReplicationVerb.Stop);
        }
    }

    /// <summary>The link of a disk: what a comparison asks about the secondary's disk.</summary>
    public MirrorLink LinkOf(PrimaryDisk disk) => _children.First(child => child.Disk == disk).Link;

    /// <summary>Waits until everything that was forwarded has been answered.</summary>
    /// <exception cref="VerbException">It was not within the deadline, or the session is lost.</exception>
    public async Task DrainAsync(TimeSpan deadline)
    {
        DrainResult result = await Session.DrainAsync(deadline > TimeSpan.Zero ? deadline : TimeSpan.Zero);
        ThrowIfLost();
        if (result != DrainResult.Drained)
        {
            throw new VerbException(
                VerbFailure.Failed,
                $"the mirror was not drained within {deadline.TotalMilliseconds:0} ms: {Session.UnansweredForwards} forwards are unanswered");
        }
    }

    /// <summary>The same as far as it goes, while the guest writes on.</summary>
    public Task TryDrainAsync(TimeSpan deadline) => Session.Options.Acknowledge == Acknowledge.Local ? Session.DrainAsync(deadline) : Task.CompletedTask;

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
        // What they wait for of the mirror has failed by now.
        _cleaner?.End();
        _copier?.End();
        Task[] kept;
        lock (_kept)
            kept = [.. _kept];
        await Task.WhenAll(kept);
    }

    private void Keep(string what, Func<Task> loop)
    {
        Task ended = loop();
        lock (_kept)
            _kept.Add(ended);
        _context.Run(what, () => ended);
    }

    private void Add(PrimaryDisk disk, IMirrorConnection connection)
    {
        if (connection.Node.LengthBytes != disk.Quorum.LengthBytes)
        {
            throw new VerbException(VerbFailure.Failed, $"disk '{disk.Name}' has {disk.Quorum.LengthBytes} bytes on the primary and "
                + $"{connection.Node.LengthBytes} bytes on the secondary: they must be equal");
        }

        MirrorLink link = Session.AddLink(disk.Name, connection);
        _children.Add((disk, connection, link, new PrimaryFilter($"{disk.Name}.replication", link)));
    }
}
