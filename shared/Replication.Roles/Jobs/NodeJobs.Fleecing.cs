using Replication.Jobs.Fleecing;

namespace Replication.Roles.Jobs;

// Disks as they were, for readers.
public sealed partial class NodeJobs
{
    /// <summary>The node's fleecing exports.</summary>
    public Fleeces Fleeces { get; }

    private Fleeces CreateFleeces() => new(
        Engine, Commands, this, new ScratchFiles(_context.State.Directory.Files), new FleeceJournal(_context.Journal), _context.Time,
        (what, work) => _context.Run(what, () => _services.RunApart(work)));
}
