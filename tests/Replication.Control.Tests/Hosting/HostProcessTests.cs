using System.Text.Json;
using Replication.Control.Tests.Options;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

/// <summary>The programs themselves: exit codes, streams, signals.</summary>
public sealed class HostProcessTests
{
    [Theory]
    [InlineData("replication-primary")]
    [InlineData("replication-secondary")]
    public async Task A_refused_configuration_ends_with_2_one_line_on_standard_error_and_nothing_on_standard_output(string program)
    {
        using var directory = new TempDirectory();
        string file = HostProcess.Configure(directory, Samples.Primary, ("Mirror:Dedline", "\"1s\""));
        (int exitCode, string output, string error) = await HostProcess.RunAsync(program, ["--config", file]);
        Assert.Equal(2, exitCode);
        Assert.Equal("", output);
        Assert.StartsWith($"{program}: Replication:Mirror:Dedline: unknown key; known here: ", error, StringComparison.Ordinal);
        Assert.Equal(error.Length - 1, error.IndexOf('\n', StringComparison.Ordinal));
        Assert.False(Directory.Exists(directory["state"]));
    }

    [Fact]
    public async Task A_wrong_variable_of_the_environment_is_refused()
    {
        using var directory = new TempDirectory();
        string file = HostProcess.Configure(directory, Samples.Primary);
        (int exitCode, _, string error) = await HostProcess.RunAsync("replication-primary", ["--config", file], ("REPLICATION__MIRROR__DEADLIN", "1s"));
        Assert.Equal(2, exitCode);
        Assert.StartsWith(
            "replication-primary: Replication:Mirror:DEADLIN (environment variable REPLICATION__MIRROR__DEADLIN): unknown key", error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_and_a_missing_option_end_with_2()
    {
        using var directory = new TempDirectory();
        Assert.Equal(
            (2, "", $"replication-primary: --config: {directory["no.json"]}: there is no such file\n"),
            await HostProcess.RunAsync("replication-primary", ["--config", directory["no.json"]]));
        Assert.Equal((2, "", "replication-secondary: --config: missing; accepted: --config FILE\n"), await HostProcess.RunAsync("replication-secondary", []));
    }

    [Fact]
    public async Task Help_goes_to_standard_output()
    {
        (int exitCode, string output, string error) = await HostProcess.RunAsync("replication-primary", ["--help"]);
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("--config FILE", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_primary_serves_until_SIGTERM_and_a_second_one_is_refused_meanwhile()
    {
        using var directory = new TempDirectory();
        string file = HostProcess.Configure(
            directory, Samples.Primary, ("Peer", null), ("Mirror", null), ("Guest:Listen", "[\"nbd+unix:///?socket=guest.sock\"]"));
        await using RunningProcess process = HostProcess.Start("replication-primary", file);
        JsonElement ready = await HostProcess.ReadyAsync(process);
        Assert.Equal("primary", ready.GetProperty("role").GetString());
        (int exitCode, _, string error) = await HostProcess.RunAsync("replication-primary", ["--config", file]);
        Assert.Equal(2, exitCode);
        Assert.StartsWith("replication-primary: Replication:Guest:Listen:0: cannot listen on ", error, StringComparison.Ordinal);
        (exitCode, _, error) = await HostProcess.RunAsync("replication-primary", ["--config", file], ("REPLICATION__GUEST__LISTEN__0", "nbd://127.0.0.1:0"));
        Assert.Equal(2, exitCode);
        Assert.Equal($"replication-primary: Replication:Disks:0:Path: {directory["disk0.raw"]} is in use by another process\n", error);
        await process.SignalAsync("TERM");
        Assert.Equal(0, await process.WaitForExitAsync());
        Assert.False(File.Exists(directory["guest.sock"]));
    }

    [Fact]
    public async Task A_killed_node_starts_again_at_once_on_the_same_port_and_sockets()
    {
        using var directory = new TempDirectory();
        string file = HostProcess.Configure(
            directory, Samples.Secondary, ("Overlay", """{ "Directory": "overlay" }"""), ("Mirror:Listen", "[\"nbd://127.0.0.1:0\"]"),
            ("Control:Listen", "[\"unix:control.sock\", \"http://127.0.0.1:0\"]"));
        string? port = null;
        for (int round = 0; round < 3; round++)
        {
            await using RunningProcess process = HostProcess.Start("replication-secondary", file);
            JsonElement ready = await HostProcess.ReadyAsync(process);
            Assert.Equal("secondary", ready.GetProperty("role").GetString());
            if (port is null)
            {
                port = ready.GetProperty("guest")[0].GetString();
                File.WriteAllText(file, Samples.With(File.ReadAllText(file), "Guest:Listen:0", $"\"{port}\""));
            }

            Assert.Equal(port, ready.GetProperty("guest")[0].GetString());
            await process.KillAsync();
            Assert.True(File.Exists(directory["control.sock"]));
        }
    }
}
