using Replication.Block;

namespace Replication.Jobs;

/// <summary>Why a job has not succeeded.</summary>
/// <param name="Errno">A Linux error number; <see cref="Block.Errno.ECANCELED"/> where it was cancelled, by itself or with its transaction.</param>
/// <param name="Message">One line for people.</param>
public sealed record JobFailure(int Errno, string Message)
{
    /// <summary>Of a job that was cancelled.</summary>
    public static JobFailure Cancelled { get; } = new(Block.Errno.ECANCELED, "the job was cancelled");

    public bool IsCancellation => Errno == Block.Errno.ECANCELED;

    /// <summary>What a node or a file has failed with.</summary>
    public static JobFailure Of(IOException e) => new((e as BlockException)?.Errno ?? Block.Errno.EIO, e.Message);
}
