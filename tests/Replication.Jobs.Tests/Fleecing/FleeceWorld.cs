using Replication.Block;
using Replication.Jobs.Fleecing;
using Replication.Jobs.Tests.Commands;
using Replication.Nbd;
using Replication.Testing;

namespace Replication.Jobs.Tests.Fleecing;

/// <summary>Disks in memory whose guests write, their fleeces, and what was told of these.</summary>
internal sealed class FleeceWorld : IFleeceObserver
{
    public const int Cluster = 64 << 10;

    private FleeceWorld(CommandWorld commands)
    {
        Commands = commands;
        Scratch = new ScratchFiles(Files);
        Fleeces = new Fleeces(commands.Jobs.Engine, commands.Commands, commands, Scratch, this, commands.Jobs.Time, (what, work) =>
            commands.Jobs.Running.Add((what, work())));
    }

    public CommandWorld Commands { get; }

    public LossyFileStore Files { get; } = new();

    public ScratchFiles Scratch { get; }

    public Fleeces Fleeces { get; }

    public FakeTimeProvider Time => Commands.Jobs.Time;

    public CommandWorld.TestDisk Disk => Commands.Disk("disk0");

    /// <summary>"NAME: what", in order.</summary>
    public List<string> Told { get; } = [];

    public static async Task<FleeceWorld> CreateAsync() => new(await CommandWorld.CreateAsync("disk0", "disk1"));

    /// <summary>One of disk0, in a target of its name plus ".t" unless the command says otherwise.</summary>
    public async Task<BlockNode> OpenAsync(FleeceCommand? command = null)
    {
        FleeceInfo opened = (await Fleeces.OpenAsync([command ?? new FleeceCommand { Device = "disk0", Name = "f" }], default)).Single();
        return Reader(opened.Name);
    }

    public BlockNode Reader(string name) => Export(name).Node;

    public NbdExport Export(string name) => Fleeces.Exports.Find(name) ?? throw new InvalidOperationException($"there is no export {name}");

    public FleeceInfo Info(string name) => Fleeces.List().Single(fleece => fleece.Name == name);

    public INbdMetaContext Context(string fleece, string name) => Export(fleece).Contexts.Single(context => context.Name == name);

    public Task<JobException> RefusalAsync(Func<Task> verb) => Commands.RefusalAsync(verb);

    /// <summary>No export, no file, no job, no claim.</summary>
    public async Task CheckNothingIsLeftAsync()
    {
        CheckNothingIsThere();
        // The disk is free for another job.
        await Commands.BackupAsync("disk0", "after");
        Assert.Equal(0, Commands.Jobs.ResultOf("disk0"));
        Commands.CheckNothingIsLeft();
    }

    /// <summary>No export, no file, no job.</summary>
    public void CheckNothingIsThere()
    {
        Assert.Empty(Fleeces.List());
        Assert.Empty(Fleeces.Exports.List());
        Assert.Empty(Files.List());
        Commands.CheckNothingIsLeft();
    }

    void IFleeceObserver.Opened(FleeceInfo fleece) => Told.Add($"{fleece.Name}: opened");

    void IFleeceObserver.HighWater(FleeceInfo fleece) => Told.Add($"{fleece.Name}: {fleece.HeldBytes / Cluster} of {fleece.QuotaBytes / Cluster}");

    void IFleeceObserver.Broken(FleeceInfo fleece) => Told.Add($"{fleece.Name}: broken {fleece.Broken!.Errno}");

    void IFleeceObserver.Closed(FleeceInfo fleece, FleeceEnd why) => Told.Add($"{fleece.Name}: {why}".ToLowerInvariant());
}
