using Replication.Block;
using Replication.Block.State;
using Replication.Simulation.Cluster;
using Replication.Simulation.Storage;

namespace Replication.Simulation.CrashPoints;

/// <summary>A machine at the moment of its crash: what is certain to be left of it, and every choice that is open.</summary>
/// <remarks>
/// The kill of a process: each write under way is there, or not, or sector by sector; the record's single sector also in part, which its checksum has to tell.
/// A loss of power: besides, each sector that was not flushed has any of its versions since, and each name that was made or
/// removed since the directory's last flush stands for the new file or the old one.
/// </remarks>
internal sealed class CrashImage
{
    // Where a torn record ends, or begins: inside its header, its generation, its last fields.
    private static readonly int[] s_tears = [16, 56, 88];

    private readonly SimulatedHost _host;
    private readonly bool _losesPower;
    private readonly List<FileImage> _disks = [];
    private readonly Tree _state;
    private readonly Tree _overlay;
    private readonly List<Choice> _choices = [];

    public CrashImage(SimulatedHost host, bool losesPower)
    {
        (_host, _losesPower) = (host, losesPower);
        foreach (Medium disk in host.Disks)
            _disks.Add(Look(disk.Name, disk));
        _state = Look(host.State);
        _overlay = Look(host.Overlay);
    }

    public IReadOnlyList<Choice> Choices => _choices;

    /// <summary>Puts an outcome onto the machine of another pair.</summary>
    public void Restore(SimulatedHost target, ReadOnlySpan<int> outcome, Digest digest)
    {
        foreach (FileImage file in (IEnumerable<FileImage>)[.. _disks, .. _state.Files, .. _overlay.Files])
            file.Reset();
        _state.Reset();
        _overlay.Reset();
        for (int i = 0; i < _choices.Count; i++)
            _choices[i].Apply(outcome[i]);
        target.Restore([.. _disks.Select(disk => Finish(disk, disk.Name, digest))], _host.Boots + (_losesPower ? 1 : 0));
        Finish(_state, target.State, digest);
        Finish(_overlay, target.Overlay, digest);
    }

    /// <summary>What it leaves, for people: nothing is lost but what is named, or nothing is left but that, whichever is shorter.</summary>
    public string Describe(int[] outcome)
    {
        string[] lost = [.. _choices.Where((choice, i) => outcome[i] < choice.Options - 1).Select(choice => choice.What).Distinct()];
        string[] kept = [.. _choices.Where((choice, i) => outcome[i] > 0).Select(choice => choice.What).Distinct()];
        return lost.Length <= kept.Length
            ? $"lost, at least in part: {List(lost)}"
            : $"of {_choices.Count} choices only these are left, at least in part: {List(kept)}";

        static string List(string[] items) => items.Length == 0 ? "nothing" : string.Join(", ", items);
    }

    private static void Finish(Tree tree, SimulatedDirectory target, Digest digest)
    {
        foreach ((string name, byte[] content) in tree.Directory.SmallFiles)
        {
            digest.Add(name);
            digest.Add(content);
        }

        target.Restore(tree.Names.Select(name => Finish(name.Value, name.Key, digest)), tree.Directory.SmallFiles);
    }

    private static Medium Finish(FileImage file, string name, Digest digest)
    {
        digest.Add(name);
        digest.Add(file.Content);
        return file.ToMedium(name);
    }

    private Tree Look(SimulatedDirectory directory)
    {
        var tree = new Tree(directory);
        var known = new Dictionary<Medium, FileImage>();
        foreach ((string name, Medium? now, Medium? safe) in directory.Entries)
        {
            FileImage? nowImage = Known(now);
            FileImage? safeImage = _losesPower ? Known(safe) : nowImage;
            tree.Certain[name] = nowImage;
            if (nowImage != safeImage)
            {
                _choices.Add(
                    new Choice(2, ($"{directory.Path}/{name}", -1), $"the name {name}", option => tree.Choose(name, option == 0 ? safeImage : nowImage)));
            }

            FileImage? Known(Medium? medium)
            {
                if (medium is null)
                    return null;
                if (!known.TryGetValue(medium, out FileImage? image))
                {
                    known.Add(medium, image = Look(name, medium));
                    tree.Files.Add(image);
                }

                return image;
            }
        }

        return tree;
    }

    private FileImage Look(string name, Medium medium)
    {
        var file = new FileImage(medium.Name, medium);
        if (_losesPower && medium.Unflushed is { } unflushed)
        {
            foreach ((int sector, IReadOnlyList<UnflushedSectors.Version> versions) in unflushed.Sectors)
                _choices.Add(new Choice(
                    versions.Count, (name, versions[^1].Order), $"{name} sector {sector} since write {versions[1].Order}",
                    option => file.Put(sector, versions[option])));
        }

        int number = 0;
        foreach (Medium.PendingWrite pending in medium.Pending)
        {
            // The writer's buffer is its own again after the end.
            Medium.PendingWrite write = pending with { Data = pending.Data.ToArray() };
            (string, long) group = (name, --number - 1);
            if (name == EpochRecordFile.FileName && write.Range.LengthBytes == EpochRecord.SlotBytes)
            {
                _choices.Add(new Choice(2 + (2 * s_tears.Length), group, $"{name} {write.Range} under way", option => PutRecord(file, write, option)));
                continue;
            }

            for (long offset = write.Range.OffsetBytes; offset < write.Range.EndBytes;)
            {
                long end = Math.Min((offset / Medium.SectorBytes + 1) * Medium.SectorBytes, write.Range.EndBytes);
                BlockRange part = BlockRange.FromBounds(offset, end);
                _choices.Add(new Choice(2, group, $"{name} {part} under way", option =>
                {
                    if (option == 1)
                        file.Put(write, part);
                }));
                offset = end;
            }
        }

        return file;
    }

    private static void PutRecord(FileImage file, Medium.PendingWrite write, int option)
    {
        int tear = s_tears[(option - 1) / 2 % s_tears.Length];
        BlockRange part = option == 1 + (2 * s_tears.Length) ? write.Range
            : option % 2 == 1 ? new BlockRange(write.Range.OffsetBytes, tear)
            : BlockRange.FromBounds(write.Range.OffsetBytes + tear, write.Range.EndBytes);
        if (option > 0)
            file.Put(write, part);
    }

    /// <summary>A directory in the making of an outcome.</summary>
    private sealed class Tree(SimulatedDirectory directory)
    {
        public SimulatedDirectory Directory => directory;

        public List<FileImage> Files { get; } = [];

        /// <summary>What every name stands for while nothing is lost.</summary>
        public SortedDictionary<string, FileImage?> Certain { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, FileImage> Names { get; } = new(StringComparer.Ordinal);

        public void Reset()
        {
            Names.Clear();
            foreach ((string name, FileImage? file) in Certain)
                Choose(name, file);
        }

        public void Choose(string name, FileImage? file)
        {
            if (file is null)
                Names.Remove(name);
            else
                Names[name] = file;
        }
    }
}
