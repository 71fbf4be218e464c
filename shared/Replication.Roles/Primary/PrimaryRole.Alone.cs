using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <remarks>
/// A primary that has gone on alone by its operator's word serves without asking anybody, and its secondary may have been promoted as well: two heads, each of
/// which serves its own guest. One loop for as long as it is alone asks the peer now and then and tells of the second head, once a rival. Nothing else comes of
/// that: both were told to go on, and whose changes count is the operator's to say. A peer whose history goes on from this very generation is no rival but its
/// successor, and fences this primary as everywhere (invariant Fence). The loop never brings the pair back.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private bool _watching; // guarded by _changes: the loop runs

    /// <summary>Restarted: a verb may be under way already.</summary>
    private async Task BeginAloneAsync()
    {
        using (await _changes.EnterAsync())
        {
            if (_stage == NodeStage.Standalone)
                WatchForRival();
        }
    }

    /// <summary>
    /// Called under <see cref="_changes"/> when the stage becomes standalone; a loop that has not noticed yet goes on. Nothing to watch in a first generation:
    /// no secondary has ever had a view of it.
    /// </summary>
    private void WatchForRival()
    {
        if (_watching || _peer is null || State.History.Count < 2)
            return;
        _watching = true;
        _context.Run("look for a second head", WatchForRivalAsync);
    }

    private async Task WatchForRivalAsync()
    {
        try
        {
            while (await IsStillAloneAsync())
            {
                // A start asks for itself.
                if (_stage == NodeStage.Standalone && (await AskAsync(Limits.PositionQuestionDeadline)).Position is { } position)
                    await JudgeRivalAsync(position);
                await Task.Delay(Limits.RivalQuestionInterval, Time, _stopping.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The node is shutting down.
        }
    }

    private async Task<bool> IsStillAloneAsync()
    {
        using (await _changes.EnterAsync())
            return _watching = _stage is NodeStage.Standalone or NodeStage.Syncing;
    }

    private async Task JudgeRivalAsync(PeerPosition position)
    {
        using (await _changes.EnterAsync())
        {
            if (_stage == NodeStage.Standalone)
                await JudgeUnderChangesAsync(position);
        }
    }
}
