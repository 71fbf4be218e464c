namespace Replication.Simulation.Model;

/// <remarks>
/// What a loss of power leaves of a disk: the disk as it was when the last flush that has succeeded was asked for, and every write that was under way then or
/// came later may be there or not. Kept as a second model below this one, where somebody asks for it.
/// </remarks>
internal sealed partial class ByteModel
{
    private readonly List<ByteModel> _flushing = [];
    private ByteModel? _flushed;

    /// <summary>From here on it is known what a flush has made safe; everything up to here is.</summary>
    public ByteModel KeepFlushed()
    {
        _flushed = Copy();
        return this;
    }

    /// <summary>The disk may hold this after a loss of power.</summary>
    public ByteModel AfterPowerLoss() => _flushed!.Copy();

    /// <summary>The same knowledge, apart from this: what is under way is in doubt there.</summary>
    public ByteModel Copy()
    {
        var copy = new ByteModel(_certain);
        copy._alternatives.AddRange(
            _alternatives.Select(alternative => new Alternative(alternative.Range, alternative.Bytes, (bool[])alternative.Valid.Clone())));
        return copy;
    }

    /// <summary>A flush begins; null: nobody asks.</summary>
    public ByteModel? BeginFlush()
    {
        if (_flushed is null)
            return null;
        ByteModel safe = Copy();
        _flushing.Add(safe);
        return safe;
    }

    /// <summary>It has succeeded, or not: what it began with is safe now.</summary>
    public void EndFlush(ByteModel? safe, bool succeeded)
    {
        int at = safe is null ? -1 : _flushing.IndexOf(safe);
        // One that was asked for later has ended before it, and made more safe.
        if (at < 0)
            return;
        if (succeeded)
            _flushed = safe;
        _flushing.RemoveRange(succeeded ? 0 : at, succeeded ? at + 1 : 1);
    }

    private void BeginBelow(Alternative write)
    {
        if (_flushed is null)
            return;
        foreach (ByteModel model in (IEnumerable<ByteModel>)[_flushed, .. _flushing])
            write.Below.Add((model, model.BeginWrite(write.Range, write.Bytes)));
    }

    private static void EndBelow(Alternative write, bool isSafe)
    {
        foreach ((ByteModel model, Alternative below) in write.Below)
        {
            if (isSafe)
                model.Succeed(below);
            else
                model.Doubt(below);
        }

        write.Below.Clear();
    }
}
