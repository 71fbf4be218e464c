using static Replication.Jobs.JobStatus;

namespace Replication.Jobs.Tests;

/// <summary>Every status against every status, and against every verb.</summary>
public sealed class JobTableTests
{
    private static readonly (JobStatus From, JobStatus To)[] s_moves =
    [
        (Undefined, Created),
        (Created, Running), (Created, Aborting), (Created, Null),
        (Running, Paused), (Running, Ready), (Running, Waiting), (Running, Aborting),
        (Paused, Running),
        (Ready, Standby), (Ready, Waiting), (Ready, Aborting),
        (Standby, Ready),
        (Waiting, Pending), (Waiting, Aborting),
        (Pending, Aborting), (Pending, Concluded),
        (Aborting, Aborting), (Aborting, Concluded),
        (Concluded, Null),
    ];

    private static readonly JobStatus[] s_moving = [Created, Running, Paused, Ready, Standby];

    [Fact]
    public void A_status_is_followed_by_those_of_the_table_alone()
    {
        foreach (JobStatus from in Enum.GetValues<JobStatus>())
        {
            foreach (JobStatus to in Enum.GetValues<JobStatus>())
                Assert.Equal(s_moves.Contains((from, to)), JobTable.MayFollow(from, to));
        }
    }

    [Fact]
    public void A_status_takes_the_verbs_of_the_table_alone()
    {
        foreach (JobStatus status in Enum.GetValues<JobStatus>())
        {
            foreach (JobVerb verb in Enum.GetValues<JobVerb>())
            {
                bool takes = verb switch
                {
                    JobVerb.Cancel => s_moving.Contains(status) || status is Waiting or Pending,
                    JobVerb.Complete => status == Ready,
                    JobVerb.Finalize => status == Pending,
                    JobVerb.Dismiss => status == Concluded,
                    _ => s_moving.Contains(status),
                };
                Assert.True(takes == JobTable.Takes(status, verb), $"{verb} in {status}");
            }
        }
    }
}
