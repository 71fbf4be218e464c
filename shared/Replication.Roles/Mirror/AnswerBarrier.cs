using Replication.Block;

namespace Replication.Roles.Mirror;

/// <summary>Somebody who waits for the answers to what was enqueued before; its fields are guarded by the link's lock.</summary>
internal sealed class AnswerBarrier(BlockRange range)
{
    public BlockRange Range { get; } = range;

    /// <summary>Forwards of a lower number are waited for.</summary>
    public long Serial { get; set; }

    /// <summary>How many of them are unanswered.</summary>
    public int Remaining { get; set; }

    public TaskCompletionSource Passed { get; } = new();
}
