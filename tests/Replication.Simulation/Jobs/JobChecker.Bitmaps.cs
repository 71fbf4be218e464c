using Replication.Jobs.Backup;
using Replication.Jobs.Commands;

namespace Replication.Simulation.Jobs;

/// <remarks>
/// The list of bitmaps on record says when something happens to them: it is replaced while the disks are held still, or a job gives its bitmap back. What is
/// looked at is what a restart would find, at every step, whether or not the process lives.
/// </remarks>
internal sealed partial class JobChecker
{
    private readonly List<BitmapModel> _bitmaps = [];

    // Jobs that end together and have frozen bitmaps: all of them are finalised on record, or none.
    private readonly List<List<BackupRecord>> _pairs = [];
    private List<(BitmapModel Model, BitmapModel Before)>? _before;
    private BitmapFiles _files;

    // The list was replaced, and who replaced it was told that it failed: a restart may find the one or the other.
    private bool _isInDoubt;

    public IReadOnlyList<BitmapModel> Bitmaps => _bitmaps;

    public BitmapModel? Find(int disk, string name) => _bitmaps.Find(bitmap => bitmap.Disk == disk && bitmap.Name == name);

    /// <summary>A disk has changed behind everybody's back, which no bitmap can know of.</summary>
    public void Forgive(int disk, byte[] before)
    {
        foreach (BitmapModel bitmap in _bitmaps.Where(bitmap => bitmap.Disk == disk && bitmap.Stopped is null))
            bitmap.Bases = [.. bitmap.Bases.Select(wanted => BitmapModel.Forgive(wanted, before, DiskOf(bitmap)))];
    }

    private byte[] DiskOf(BitmapModel bitmap) => (byte[])_host.Disks[bitmap.Disk].Content.Clone();

    private void AtReplaced(string fileName)
    {
        if (fileName != BitmapFiles.Catalogue)
            return;
        BitmapFiles before = _files;
        _files = BitmapFiles.Read(_host);
        bool wasInDoubt = _isInDoubt;
        _isInDoubt = false;
        bool isTransaction = false;
        foreach (BitmapModel bitmap in _bitmaps.ToArray())
        {
            BitmapFiles.Entry? then = EntryOf(before, bitmap);
            BitmapFiles.Entry? now = EntryOf(_files, bitmap);
            if (now is { IsInconsistent: true })
                Lose(bitmap, "is inconsistent");
            else if (bitmap.FrozenBy is not null && then?.Successor is not null && now is { Successor: null })
                GiveBack(bitmap, hasGivenWay: now.File == then.Successor);
            else
                isTransaction |= then != now && !wasInDoubt;
        }

        if (_asked is { IsOnRecord: false } asked && (isTransaction || asked.Actions.Any(IsNew)))
        {
            asked.IsOnRecord = true;
            Follow(asked, asked.Actions.Count);
        }
    }

    private bool IsNew(TransactionAction action) => action is TransactionAction.BitmapAdd add && _files.Entries.ContainsKey((add.Device, add.Name));

    private BitmapFiles.Entry? EntryOf(BitmapFiles files, BitmapModel bitmap) => files.Entries.GetValueOrDefault(
        (_host == _pair.Primary ? $"disk{bitmap.Disk}" : $"disk{bitmap.Disk}.secondary", bitmap.Name));

    private void Lose(BitmapModel bitmap, string why)
    {
        if (_host.Faults.Failed == bitmap.FaultsBefore && !_isInDoubt)
            Fail($"Bitmap: '{bitmap.Name}' of disk{bitmap.Disk} {why}, and nothing of this host has failed");
        _bitmaps.RemoveAll(known => known.Disk == bitmap.Disk && known.Name == bitmap.Name);
        _pairs.RemoveAll(group => group.Exists(backup => backup.Bitmap!.Disk == bitmap.Disk && backup.Bitmap.Name == bitmap.Name));
    }

    // Its successor has taken its place, or was merged back into it.
    private void GiveBack(BitmapModel bitmap, bool hasGivenWay)
    {
        BackupRecord backup = bitmap.FrozenBy!;
        (bitmap.FrozenBy, bitmap.GivenBackBy, backup.HasGivenWay) = (null, backup, hasGivenWay);
        if (!hasGivenWay || !backup.ClearsBitmap)
            return;
        if (bitmap.Stopped is { } stopped)
            bitmap.Bases = [stopped];
        else if (backup.Target.IsSealed || backup.IsFleece)
            bitmap.Bases = [backup.Moment!];
        else if (backup.Command.BitmapMode == BitmapMode.Always)
            bitmap.Bases = WithCopied(backup);
    }

    // What was copied counts as done.
    private static IReadOnlyList<byte[]> WithCopied(BackupRecord backup)
    {
        byte[] target = backup.Target.Medium.Content;
        byte[] moment = backup.Moment!;
        return [.. backup.BasesBefore.Select(wanted => (byte[])[.. wanted.Select((value, i) => target[i] == moment[i] ? moment[i] : value)])];
    }

    private void AtConcluded(BackupRecord backup)
    {
        // A job that has not succeeded has cleared nothing; only mode always does.
        if (backup is { HasSucceeded: false, Bitmap: { } bitmap, IsPartial: false } && bitmap.GivenBackBy == backup
            && backup.Command.BitmapMode is not BitmapMode.Always)
        {
            bitmap.Bases = backup.BasesBefore;
        }

        _pairs.RemoveAll(group => group.TrueForAll(member => member.IsOver));
    }

    /// <summary>The models follow the actions up to the creation of this backup's job.</summary>
    private void Follow(BackupTransaction transaction, BackupRecord backup)
    {
        int at = transaction.Backups.IndexOf(backup);
        int action = -1;
        for (int i = 0; at >= 0; i++)
        {
            if (transaction.Actions[i] is TransactionAction.Backup && at-- == 0)
                action = i;
        }

        Follow(transaction, action + 1);
    }

    private void Follow(BackupTransaction transaction, int end)
    {
        if (transaction.Followed == 0)
            _before = [.. _bitmaps.Select(bitmap => (bitmap, bitmap.Copy()))];
        for (; transaction.Followed < end; transaction.Followed++)
        {
            TransactionAction action = transaction.Actions[transaction.Followed];
            if (action is TransactionAction.Backup)
                Freeze(transaction.Backups[transaction.Actions.Take(transaction.Followed).Count(before => before is TransactionAction.Backup)]);
            else
                Follow(action);
        }
    }

    private void Freeze(BackupRecord backup)
    {
        if (backup.Command.Bitmap is not { } name || Find(backup.Disk, name) is not { } bitmap)
            return;
        (backup.Bitmap, backup.BasesBefore) = (bitmap, bitmap.Bases);
        (bitmap.FrozenBy, bitmap.GivenBackBy) = (backup, null);
        List<BackupRecord> group = [.. backup.Transaction.GroupOf(backup).Where(member => member.Bitmap is not null)];
        _pairs.RemoveAll(known => known.Exists(member => member.Bitmap == bitmap || group.Contains(member)));
        _pairs.Add(group);
    }

    private void Follow(TransactionAction action)
    {
        switch (action)
        {
            case TransactionAction.BitmapAdd add:
                var added = new BitmapModel(NumberOf(add.Device), add.Name) { FaultsBefore = _host.Faults.Failed };
                added.Bases = [DiskOf(added)];
                added.Stopped = add.IsDisabled ? DiskOf(added) : null;
                _bitmaps.Add(added);
                break;
            case TransactionAction.BitmapRemove remove when Touch(remove.Device, remove.Name) is { } bitmap:
                _bitmaps.Remove(bitmap);
                break;
            case TransactionAction.BitmapClear clear when Touch(clear.Device, clear.Name) is { } bitmap:
                bitmap.Bases = [DiskOf(bitmap)];
                bitmap.Stopped = bitmap.Stopped is null ? null : DiskOf(bitmap);
                break;
            case TransactionAction.BitmapEnable enable when Touch(enable.Device, enable.Name) is { Stopped: { } stopped } bitmap:
                bitmap.Bases = [.. bitmap.Bases.Select(wanted => BitmapModel.Forgive(wanted, stopped, DiskOf(bitmap)))];
                bitmap.Stopped = null;
                break;
            case TransactionAction.BitmapDisable disable when Touch(disable.Device, disable.Name) is { Stopped: null } bitmap:
                bitmap.Stopped = DiskOf(bitmap);
                break;
            case TransactionAction.BitmapMerge merge when Touch(merge.Device, merge.Name) is { } bitmap:
                IEnumerable<byte[]> others = merge.Sources.Select(source => Find(NumberOf(source.Device), source.Name)).OfType<BitmapModel>()
                    .SelectMany(source => source.Bases.Select(
                        wanted => BitmapModel.Forgive(wanted, source.Stopped ?? DiskOf(source), bitmap.Stopped ?? DiskOf(bitmap))));
                bitmap.Bases = [.. bitmap.Bases.Concat(others).Take(MostBases)];
                break;
            default:
                break;
        }
    }

    private const int MostBases = 4;

    private static int NumberOf(string device) => device["disk".Length] - '0';

    // What is done to a bitmap ends what its last job has to say about it.
    private BitmapModel? Touch(string device, string name)
    {
        BitmapModel? bitmap = Find(NumberOf(device), name);
        if (bitmap is null)
            return null;
        bitmap.GivenBackBy = null;
        _pairs.RemoveAll(group => group.Exists(backup => backup.Bitmap == bitmap));
        return bitmap;
    }

    // A transaction that was refused has done nothing.
    private void TakeBack(BackupTransaction transaction)
    {
        if (transaction.Followed == 0)
            return;
        if (transaction.IsOnRecord && _host.Faults.Failed == transaction.FaultsBefore)
            Fail("Bitmap: a transaction that was refused has changed the list of bitmaps that is on record");
        _isInDoubt |= transaction.IsOnRecord;
        _bitmaps.Clear();
        foreach ((BitmapModel model, BitmapModel before) in _before!)
        {
            model.CopyFrom(before);
            _bitmaps.Add(model);
        }

        _pairs.RemoveAll(group => group.Exists(transaction.Backups.Contains));
    }

    private void CheckBitmaps()
    {
        if (_isInDoubt)
            return;
        // What the models have followed and the record has not is nothing that a restart would find.
        bool isAhead = _asked is { Followed: > 0, IsOnRecord: false };
        foreach (BitmapModel bitmap in (BitmapModel[])[.. isAhead ? _before!.Select(pair => pair.Before) : _bitmaps])
        {
            if (EntryOf(_files, bitmap) is not { } entry)
            {
                Fail($"Bitmap: '{bitmap.Name}' of disk{bitmap.Disk} is not on record any more");
                return;
            }
            if (!_files.AreThere(entry))
            {
                Lose(bitmap, "has lost a file");
                continue;
            }

            byte[] disk = bitmap.Stopped ?? _host.Disks[bitmap.Disk].Content;
            foreach (byte[] wanted in bitmap.Bases)
            {
                if (_files.FirstUnmarked(entry, wanted, disk) is >= 0 and int at)
                {
                    Fail($"Bitmap: byte {at} of disk{bitmap.Disk} has changed since the last backup that counts, and '{bitmap.Name}' does not mark it "
                        + $"in a file{(bitmap.GivenBackBy is { } last ? $"; it was last used by {last}" : "")}");
                }
            }
        }
    }

    // All that are finalised have whole targets, and no bitmap but theirs has lost a mark.
    private void CheckGroups()
    {
        if (_isInDoubt || _asked is { Followed: > 0, IsOnRecord: false })
            return;
        foreach (List<BackupRecord> group in _pairs.Where(group => group.Count > 1))
        {
            if (group.Exists(backup => backup.IsPartial || !backup.ClearsBitmap || backup.Command.BitmapMode == BitmapMode.Always))
                continue;
            bool allAre = group.TrueForAll(backup => backup.HasGivenWay && (backup.IsFleece || backup.Target.IsSealed));
            BackupRecord? cleared = group.Find(HasCleared);
            if (!allAre && cleared is not null)
                Fail($"Group: on record {cleared} is finalised, and not all that are grouped with it are");
        }
    }

    private bool HasCleared(BackupRecord backup)
    {
        BitmapFiles.Entry? entry = EntryOf(_files, backup.Bitmap!);
        byte[] disk = backup.Bitmap!.Stopped ?? _host.Disks[backup.Disk].Content;
        return entry is not null && backup.BasesBefore.Any(wanted => _files.FirstUnmarked(entry, wanted, disk) >= 0);
    }
}
