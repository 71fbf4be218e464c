using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

internal static class JobVerbs
{
    public static Command Create(VerbHost host) => new("job", "See and steer block jobs")
    {
        new JobListVerb(host),
        new JobWaitVerb(host),
        new JobAskVerb(
            host, "pause", "Hold a job still",
            async (node, id, o) => await node.Jobs.PauseJobAsync(new PauseJobRequest { JobId = id }, o)),
        new JobAskVerb(
            host, "resume", "Let a paused job go on, also one that an error has paused",
            async (node, id, o) => await node.Jobs.ResumeJobAsync(new ResumeJobRequest { JobId = id }, o)),
        new JobAskVerb(
            host, "cancel", "End a job, and all of its transaction, without a result; does not wait for the end",
            async (node, id, o) => await node.Jobs.CancelJobAsync(new CancelJobRequest { JobId = id }, o)),
        new JobAskVerb(
            host, "complete", "End a job that is ready",
            async (node, id, o) => await node.Jobs.CompleteJobAsync(new CompleteJobRequest { JobId = id }, o)),
        new JobAskVerb(
            host, "finalize", "Make a pending job's result count, and those of its transaction",
            async (node, id, o) => await node.Jobs.FinalizeJobAsync(new FinalizeJobRequest { JobId = id }, o)),
        new JobAskVerb(
            host, "dismiss", "Take a concluded job off the list",
            async (node, id, o) => await node.Jobs.DismissJobAsync(new DismissJobRequest { JobId = id }, o)),
        new JobSetSpeedVerb(host),
    };
}
