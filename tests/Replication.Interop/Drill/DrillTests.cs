using System.Text.Json;
using System.Xml.Linq;
using Replication.Interop.Support;

namespace Replication.Interop.Drill;

/// <summary>The drill as a user runs it; and that it finds what it is there to find.</summary>
public sealed class DrillTests : InteropTest
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("primary-dies")]
    [InlineData("checkpoint-storm")]
    [InlineData("secondary-hangs")]
    [InlineData("link-cut")]
    public async Task A_drill_passes_and_leaves_its_reports(string scenario)
    {
        using var directory = new TempDirectory();
        CommandResult drill = await RunAsync(directory, "--scenario", scenario);
        JsonElement result = drill.Ended(0).Json;
        Assert.Equal("passed", result.GetProperty("verdict").GetString());
        Assert.Equal(scenario, result.GetProperty("scenario").GetString());
        Assert.Equal(77, result.GetProperty("seed").GetInt64());
        Assert.NotEmpty(result.GetProperty("phases").EnumerateArray());
        if (scenario == "primary-dies")
        {
            Assert.True(result.GetProperty("rtoMs").GetDouble() > 0);
            Assert.Equal(0, result.GetProperty("rpoBytes").GetInt64());
        }

        JsonElement written = JsonDocument.Parse(await File.ReadAllTextAsync(directory["report/drill.json"])).RootElement;
        Assert.Equal("passed", written.GetProperty("verdict").GetString());
        XElement junit = XDocument.Load(Assert.Single(Directory.GetFiles(directory["report"], "*.xml"))).Root!;
        Assert.NotEmpty(junit.DescendantsAndSelf("testcase"));
        Assert.Empty(junit.Descendants("failure"));
        Assert.Empty(Directory.GetDirectories(directory["tmp"]));
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_drill_fails_when_somebody_changes_the_secondarys_disk_behind_its_back()
    {
        using var directory = new TempDirectory();
        Task<CommandResult> running = RunAsync(directory);
        string[] disks = [];
        await Eventually.TrueAsync(() => (disks = SecondaryDisks(directory)).Length > 0 || running.IsCompleted);
        while (!running.IsCompleted)
        {
            // Guests, copies and commits write here at the same time; they can't repair all of it.
            foreach (string disk in disks.Where(File.Exists))
                Spoil(disk);
            await Task.Delay(500);
        }

        CommandResult drill = (await running).Ended(1);
        Assert.Equal("failed", drill.Json.GetProperty("verdict").GetString());
        XElement junit = XDocument.Load(Assert.Single(Directory.GetFiles(directory["report"], "*.xml"))).Root!;
        Assert.NotEmpty(junit.Descendants("failure"));
        // A drill that failed keeps everything, its overlays too.
        string overlays = Path.Combine("/dev/shm", Path.GetFileName(drill.Json.GetProperty("directory").GetString()!));
        if (Directory.Exists(overlays))
            Directory.Delete(overlays, recursive: true);
    }

    private static void Spoil(string disk)
    {
        using var file = new FileStream(disk, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (long at = 0; at < file.Length; at += 256 << 10)
        {
            file.Position = at;
            file.WriteByte(0xA5);
        }
    }

    /// <summary>The drill keeps its pair below the directory for temporary files.</summary>
    private static string[] SecondaryDisks(TempDirectory directory) =>
        Directory.GetFiles(directory["tmp"], "secondary-disk*.raw", SearchOption.AllDirectories);

    private static Task<CommandResult> RunAsync(TempDirectory directory, params string[] options)
    {
        Directory.CreateDirectory(directory["tmp"]);
        return Command.RunAsync(
            Binaries.Dotnet,
            [Binaries.Coloctl, "drill", "--json", "--disks", "2", "--size", "16MiB", "--seconds", "3", "--seed", "77",
                "--report", directory["report"], .. options],
            new Dictionary<string, string?> { ["TMPDIR"] = directory["tmp"] },
            s_patience);
    }
}
