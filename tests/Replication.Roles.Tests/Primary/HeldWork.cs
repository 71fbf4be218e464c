using Replication.Block;
using Replication.Jobs;

namespace Replication.Roles.Tests.Primary;

/// <summary>A job of a node's own that runs until it is cancelled: for what needs a job's speed and token.</summary>
internal sealed class HeldWork : JobWork
{
    private JobContext? _context;

    public static JobContext Begin(TimeProvider time, long speed, CancellationToken end)
    {
        var work = new HeldWork();
        var engine = new JobEngine(new Untold(), time, (_, _) => { });
        _ = engine.RunOwnAsync(new JobOptions { Id = null, Type = JobType.Mirror, SpeedBytesPerSecond = speed }, work, end);
        return work._context!;
    }

    public override async Task RunAsync(JobContext context)
    {
        _context = context;
        await context.RestAsync();
    }

    /// <summary>A job of a node's own is told of by nobody.</summary>
    private sealed class Untold : IJobObserver
    {
        public void StatusChanged(JobInfo job) => Assert.Fail("told");

        public void BecameReady(JobInfo job) => Assert.Fail("told");

        public void BecamePending(JobInfo job) => Assert.Fail("told");

        public void Completed(JobInfo job) => Assert.Fail("told");

        public void Cancelled(JobInfo job) => Assert.Fail("told");

        public void Failed(JobInfo job, BlockOperation operation, ErrorAction action) => Assert.Fail("told");
    }
}
