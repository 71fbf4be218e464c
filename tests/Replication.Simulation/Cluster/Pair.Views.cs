using Replication.Block;
using Replication.Block.State;
using Replication.Roles;
using Replication.Simulation.Model;

namespace Replication.Simulation.Cluster;

/// <remarks>
/// Which view the secondary's guest may see. The primary draws the id of a checkpoint's attempt when its writes are held and drained: what is on its disks at
/// that instant is the cut. A commit that is asked for with that id makes the cut a possible view; the epoch that
/// the secondary's record shows says which of the possible ones is in force.
/// </remarks>
internal sealed partial class Pair
{
    private const int CutsKept = 64;

    private readonly Dictionary<Guid, byte[][]> _cuts = [];
    private readonly Queue<Guid> _cutOrder = new();
    private readonly List<ViewModel> _views = [];
    private readonly List<(ViewModel View, int Requests)> _commits = [];
    private bool _replicatedWhenPromoted;

    /// <summary>The views that the secondary's guest may see now.</summary>
    public IReadOnlyList<ViewModel> Views => _views;

    /// <summary>Since when the secondary has been promoted; null: it has not been.</summary>
    public long? PromotedAt { get; private set; }

    /// <summary>What the primary's disks held when it last drew an id: at a checkpoint, its cut.</summary>
    public byte[][] LastCut { get; private set; } = [];

    /// <summary>When the promotion was asked for.</summary>
    public long PromotionAskedAt { get; set; }

    /// <summary>When a commit was last answered with success.</summary>
    public long CommittedAt { get; private set; } = -1;

    /// <summary>Called when the secondary has committed, and its caller does not know yet.</summary>
    public Action AtCommitted { get; set; } = () => { };

    private NodeStatus? SecondaryStatus => Secondary.Node?.GetStatus();

    private NodeStatus? PrimaryStatus => Primary.Node?.GetStatus();

    /// <summary>Takes note of what the secondary's record says. After every step.</summary>
    public void Observe()
    {
        if (Failure is { } failure)
            throw failure;
        foreach (SimulatedHost host in (ReadOnlySpan<SimulatedHost>)[Primary, Secondary])
            ObserveEnd(host);
        if (SecondaryStatus is not { } status)
            return;
        if (status.Stage == NodeStage.Inconsistent && !MayBeInconsistent)
            throw Fail("Atomic: the secondary is inconsistent, although its machine has not been booted: the record names overlays that are not there");
        bool hasView = status.Stage is NodeStage.Running or NodeStage.Failover or NodeStage.FailoverFailed or NodeStage.Done or NodeStage.Stopped;
        int before = _views.Count;
        if (hasView)
            _views.RemoveAll(view => view.Epoch < status.Epoch || (view.Epoch > status.Epoch && !IsPending(view)));
        else
            _views.RemoveAll(view => !IsPending(view));
        if (hasView && !_views.Any(view => view.Epoch == status.Epoch))
            throw Fail(
                $"the secondary is {status.Stage} at epoch {status.Epoch}, and no checkpoint to that epoch was ever asked for ({before} views were possible)");
        ViewModel[] current = [.. _views.Where(view => view.Epoch == status.Epoch)];
        if (hasView && current.Length == 1)
            current[0].IsInForce = true;
        if (status.Stage is NodeStage.Failover or NodeStage.Done or NodeStage.FailoverFailed)
            ObservePromotion();
    }

    private void ObservePromotion()
    {
        if (PromotedAt is not null)
            return;
        PromotedAt = _scheduler.Now;
        _replicatedWhenPromoted = PrimaryStatus is { Stage: NodeStage.Replicating };
    }

    // Where a record cannot be written, and the one in force cannot be put over it either, nobody can
    // tell what a restart would find: that is the one reason to end.
    private void ObserveEnd(SimulatedHost host)
    {
        if (host.Process is not { EndedItself: { } why })
            return;
        if (host.FailedRecords < 2)
            throw Fail($"{host.Name} has ended itself: {why}");
        _tell($"{host.Name} has ended itself: {why}");
        PrimaryWasAway |= host == Primary;
        Kill(host);
    }

    private bool IsPending(ViewModel view) => _commits.Any(commit => commit.View == view);

    private void Cut(Guid id)
    {
        _cuts[id] = LastCut = [.. Primary.Disks.Select(disk => (byte[])disk.Content.Clone())];
        _cutOrder.Enqueue(id);
        if (_cutOrder.Count > CutsKept)
            _cuts.Remove(_cutOrder.Dequeue());
    }

    private void CommitBegins(CommitRequest request)
    {
        ViewModel? known = _views.FirstOrDefault(view => view.Attempt == request.Attempt);
        if (known is null)
        {
            if (!_cuts.TryGetValue(request.Attempt, out byte[][]? cut))
                return;
            known = new ViewModel(
                request.Epoch, request.Attempt, [.. cut.Select(disk => KeepsUnflushed ? new ByteModel(disk).KeepFlushed() : new ByteModel(disk))]);
            _views.Add(known);
            // What the guest has under way comes before the switch or after it.
            foreach (GuestOperation operation in _inFlight.Where(operation => operation.Host == Secondary))
            {
                ByteModel model = known.Disks[operation.Disk];
                if (operation.Bytes is { } bytes)
                    operation.Writes.Add((model, model.BeginWrite(operation.Range, bytes), false));
                else if (operation.Kind == BlockOperation.Read)
                    operation.Reads.Add((model, model.BeginRead(operation.Range)));
            }
        }

        _commits.Add((known, 1));
    }

    private void CommitEnded(CommitRequest request, bool committed)
    {
        int at = _commits.FindIndex(commit => commit.View.Attempt == request.Attempt);
        if (at < 0)
            return;
        ViewModel view = _commits[at].View;
        _commits.RemoveAt(at);
        if (committed)
        {
            // Told that this one is in force, its caller relies on it: no other attempt at the epoch may be what the guest sees.
            _views.RemoveAll(other => other != view && other.Epoch <= view.Epoch);
            view.IsInForce = true;
            CommittedAt = _scheduler.Now;
            AtCommitted();
        }

        if (!committed && !IsPending(view) && !view.IsInForce && SecondaryStatus?.Epoch < view.Epoch)
            _views.Remove(view);
    }

    private void CommitsAreOver() => _commits.Clear();
}
