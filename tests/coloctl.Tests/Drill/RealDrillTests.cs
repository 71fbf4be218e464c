using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Replication.Testing;

namespace Replication.Controller.Tests.Drill;

/// <summary>The program itself, with both hosts as processes.</summary>
public sealed class RealDrillTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);
    private static readonly string s_program = typeof(RealDrillTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(
        a => a.Key == "ColoctlProgram").Value!;

    private readonly TempDirectory _directory = new();
    private readonly string _temporary;

    public RealDrillTests() => _temporary = Directory.CreateDirectory(_directory["tmp"]).FullName;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("primary-dies", "2", "16777728")]
    [InlineData("checkpoint-storm", "1", "4MiB")]
    [InlineData("secondary-dies", "2", "16777728")]
    [InlineData("old-primary-returns", "2", "16777728")]
    public async Task The_drill_passes_and_leaves_nothing_behind(string scenario, string disks, string size)
    {
        using Process drill = Start(
            "--json", "--scenario", scenario, "--seconds", "2", "--disks", disks, "--size", size, "--seed", "5", "--report", _directory["report"]);
        (int exitCode, string output, string error) = await EndOfAsync(drill);
        Assert.True(exitCode == 0, output + error);
        Assert.Equal("", error);
        JsonElement report = JsonDocument.Parse(output).RootElement;
        Assert.Equal(
            ("passed", scenario, 5),
            (report.GetProperty("verdict").GetString(), report.GetProperty("scenario").GetString(), report.GetProperty("seed").GetInt32()));
        if (scenario is "primary-dies" or "old-primary-returns")
            Assert.Equal(0, report.GetProperty("rpoBytes").GetInt64());
        Assert.Equal(output, await File.ReadAllTextAsync(_directory["report/drill.json"]));
        Assert.StartsWith("<testsuites>", await File.ReadAllTextAsync(_directory["report/junit.xml"]), StringComparison.Ordinal);
        AssertNothingLeft();
    }

    [Fact]
    public async Task A_wrong_byte_on_the_secondarys_disk_fails_the_drill_which_keeps_the_evidence()
    {
        using Process drill = Start("--seconds", "3", "--disks", "1", "--size", "16MiB");
        string line;
        do
            line = await drill.StandardError.ReadLineAsync().WaitAsync(s_patience) ?? throw new InvalidOperationException("the drill ended before it began");
        while (!line.Contains("start:", StringComparison.Ordinal));
        string kept = Assert.Single(Directory.GetDirectories(_temporary));
        Poison(Path.Combine(kept, "secondary-disk0.raw"));

        (int exitCode, string output, string error) = await EndOfAsync(drill);
        Assert.Equal(1, exitCode);
        Assert.Contains("disk0 at byte", error, StringComparison.Ordinal);
        Assert.Contains("FAILED", output, StringComparison.Ordinal);
        Assert.Contains(kept, output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(kept, "primary.log")));
        Assert.True(File.Exists(Path.Combine(kept, "secondary-disk0.raw")));
        AssertNoProcess(kept);
    }

    [Fact]
    public async Task An_interrupted_drill_ends_its_processes_and_removes_its_files()
    {
        using Process drill = Start("--seconds", "60", "--disks", "1", "--size", "16MiB");
        await Eventually.TrueAsync(() => Directory.GetFiles(_temporary, "primary.log", SearchOption.AllDirectories).Length == 1, s_patience);
        using (Process kill = Process.Start("/bin/kill", ["-INT", drill.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync();
        (int exitCode, _, string error) = await EndOfAsync(drill);
        Assert.Equal(130, exitCode);
        Assert.EndsWith("coloctl: interrupted\n", error, StringComparison.Ordinal);
        AssertNothingLeft();
    }

    /// <summary>One wrong byte in each page, so that no write of the guests repairs them all.</summary>
    private static void Poison(string path)
    {
        using Process writer = Process.Start(
            "/bin/sh", ["-c", $"for page in $(seq 0 16 4095); do printf 'X' | dd of='{path}' bs=1 seek=$((page * 4096 + 77)) conv=notrunc status=none; done"]);
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
    }

    private static async Task<(int ExitCode, string Output, string Error)> EndOfAsync(Process process)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(s_patience);
        }
        catch (TimeoutException)
        {
            process.Kill();
            throw;
        }

        return (process.ExitCode, await output, await error);
    }

    private static void AssertNoProcess(string argument) => Assert.DoesNotContain(
        Directory.GetDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])),
        d => CommandLineOf(d).Contains(argument, StringComparison.Ordinal));

    private static string CommandLineOf(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            return ""; // it has just ended
        }
    }

    private Process Start(params string[] args)
    {
        Assert.True(File.Exists(s_program), $"{s_program} is not built");
        // A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
        var start = new ProcessStartInfo(
            "/usr/bin/env", ["--default-signal=INT", s_program, "drill", .. args])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TMPDIR"] = _temporary;
        return Process.Start(start)!;
    }

    private void AssertNothingLeft()
    {
        AssertNoProcess(_temporary);
        Assert.Empty(Directory.GetFileSystemEntries(_temporary));
    }
}
