using Replication.Block;
using Replication.Jobs.Targets;
using Replication.Testing;

namespace Replication.Jobs.Tests.Targets;

/// <summary>A directory for targets, and what a node gives to them.</summary>
internal sealed class TargetWorld : IDisposable
{
    /// <summary>
    /// Tests that start programs, and tests that open a file again that they have just closed, run one after the other: a program that is just being started
    /// has, until its exec, everything open that this process had, locks included.
    /// </summary>
    public const string OneByOne = "targets";

    public const long LengthBytes = 4 << 20;

    public TargetWorld() => Environment = new TargetEnvironment { Workers = Workers };

    public TempDirectory Directory { get; } = new();

    public BlockingWorkers Workers { get; } = new(threads: 2);

    public TargetEnvironment Environment { get; init; }

    public string this[string name] => Directory[name];

    public TargetDescription Describe(string name, string? format = null) =>
        new() { Target = name.Contains(':', StringComparison.Ordinal) ? name : this[name], LengthBytes = LengthBytes, Format = format };

    public Task<BackupTarget> OpenAsync(TargetDescription description) => BackupTarget.OpenAsync(description, Environment);

    public async Task<TargetException> RefusedAsync(TargetDescription description, TargetTrouble trouble)
    {
        TargetException refusal = await Assert.ThrowsAsync<TargetException>(() => OpenAsync(description));
        Assert.True(refusal.Trouble == trouble, refusal.ToString());
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.StartsWith($"target {description.Target}: ", refusal.Message, StringComparison.Ordinal);
        return refusal;
    }

    /// <summary>Writes a pattern with data, zeroes and holes, and the same into a raw file that QEMU can compare with.</summary>
    public async Task<string> FillAsync(BlockNode node, long lengthBytes = LengthBytes)
    {
        string reference = Directory.CreateFile($"reference-{Guid.NewGuid():N}", lengthBytes);
        byte[] data = DeterministicRandom.Create().Bytes(200 << 10);
        await using FileStream file = File.OpenWrite(reference);
        foreach (long offset in (long[])[0, 1 << 20, lengthBytes - data.Length])
        {
            await node.WriteAsync(offset, data);
            file.Position = offset;
            await file.WriteAsync(data);
        }

        var zeroes = new BlockRange(1 << 20, 128 << 10);
        await node.WriteZeroesAsync(zeroes);
        file.Position = zeroes.OffsetBytes;
        await file.WriteAsync(new byte[zeroes.LengthBytes]);
        return reference;
    }

    public async Task<string> QemuImgAsync(params string[] arguments)
    {
        (int exitCode, string output) = await Programs.RunAsync(Programs.Require("qemu-img"), arguments);
        Assert.True(exitCode == 0, $"qemu-img {string.Join(' ', arguments)}: {output}");
        return output;
    }

    public void Dispose()
    {
        Workers.Dispose();
        Directory.Dispose();
    }
}
