using Replication.Block;
using Replication.Roles.Mirror;

namespace Replication.Roles.Primary;

/// <remarks>
/// A peer that does not answer: what its session finds out goes to the role, and a question has an end.
/// </remarks>
internal sealed partial class MirrorAttachment
{
    private int _askingForLife; // 0 or 1; Interlocked

    /// <summary>
    /// Which of the secondary's ranges read as zeroes. A question is no forward, whose silence would end the session: it has a deadline of its own, for a
    /// disk that hangs; whether anybody is there to answer at all is the session's watch to find out, much sooner.
    /// </summary>
    /// <exception cref="VerbException">The secondary's disk does not answer.</exception>
    public async ValueTask<Extent> AskStatusAsync(PrimaryDisk disk, BlockRange range)
    {
        ValueTask<Extent> asked = LinkOf(disk).StatusAsync(range);
        if (asked.IsCompleted)
            return await asked;
        try
        {
            return await asked.AsTask().WaitAsync(Limits.StatusQuestionDeadline, _time);
        }
        catch (BlockException)
        {
            // A session that is over fails what is asked; why it is over says more.
            ThrowIfLost();
            throw;
        }
        catch (TimeoutException e)
        {
            throw new VerbException(
                VerbFailure.Failed,
                $"the secondary has not said within {Limits.StatusQuestionDeadline.TotalSeconds:0} s what disk '{disk.Name}' "
                + $"holds at {range}; see whether its disk hangs",
                e);
        }
    }

    void IMirrorSessionObserver.Suspicious(MirrorSession session) => _role.OnSessionSuspicious(this);

    /// <summary>A peer whose device is busy says so at once; a verb must not wait for one that is gone as long as for a device.</summary>
    void IMirrorSessionObserver.Unheard(MirrorSession session)
    {
        if (Interlocked.Exchange(ref _askingForLife, 1) != 0)
            return;
        _context.Run("ask a peer for a sign of life", async () =>
        {
            if (await _role.PeerLivesAsync())
                session.HeardElsewhere();
            else
                session.GiveUpUnheard();
            Volatile.Write(ref _askingForLife, 0);
        });
    }

    void IMirrorSessionObserver.Lost(MirrorSession session, MirrorLoss loss) => _role.OnSessionLost(this, loss);
}
