namespace Replication.Jobs.Bitmaps;

/// <summary>A dirty bitmap as it was at one moment; QEMU's <c>BlockDirtyInfo</c>.</summary>
/// <param name="Name">Unique among those of its disk.</param>
/// <param name="CountBytes">Marked bytes, in whole granules.</param>
/// <param name="GranularityBytes">What one bit stands for.</param>
/// <param name="IsRecording">Writes are marked in it, or in its successor.</param>
/// <param name="IsBusy">A job or an export uses it: nobody else may change it.</param>
/// <param name="IsPersistent">It is kept over restarts of the node.</param>
/// <param name="IsInconsistent">It may lack marks: it can only be removed.</param>
public sealed record BitmapInfo(
    string Name, long CountBytes, int GranularityBytes, bool IsRecording, bool IsBusy, bool IsPersistent, bool IsInconsistent);
