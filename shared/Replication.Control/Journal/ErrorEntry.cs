using Replication.Roles;

namespace Replication.Control.Journal;

/// <summary>An error as its file keeps it.</summary>
internal sealed record ErrorEntry(
    ulong Seq, long TimeUnixMs, FailureCase Case, string Disk, long OffsetBytes, long LengthBytes, int Errno, ulong Epoch, string Message, long Count,
    string? Settled = null)
{
    public static ErrorEntry Of(ulong seq, long timeUnixMs, FailureReport f) =>
        new(seq, timeUnixMs, f.Case, f.Disk, f.OffsetBytes, f.LengthBytes, f.Errno, f.Epoch, f.Message, 1, f.Settled);

    public RecordedError ToRecorded()
    {
        FailureReport failure = ToFailure();
        return new RecordedError(Seq, TimeUnixMs, failure, Count, Advice.For(failure));
    }

    public FailureReport ToFailure() => new(Case, Disk, OffsetBytes, LengthBytes, Errno, Epoch, Message) { Settled = Settled };

    /// <summary>One line; what is no disk's, or no range's, names none.</summary>
    public override string ToString() =>
        $"case {(int)Case}{(Disk.Length > 0 ? $" on {Disk}" : "")}{(LengthBytes > 0 ? $" at {OffsetBytes}+{LengthBytes}" : "")}"
        + $" in epoch {Epoch}: {ToFailure().TextOf(Count)}";
}
