using System.Net;
using System.Net.Sockets;
using Replication.Interop.Support;

namespace Replication.Interop.BadInput;

/// <summary>Starts that are refused: exit code 2, one line that names the key, nothing changed on disk.</summary>
public sealed class ConfigurationTests
{
    private const int TimeoutMs = 120_000;

    [Theory(Timeout = TimeoutMs)]
    // Missing.
    [InlineData("primary", "Group", null, "Replication:Group")]
    [InlineData("primary", "StateDirectory", null, "Replication:StateDirectory")]
    [InlineData("primary", "Control", null, "Replication:Control:Listen")]
    [InlineData("primary", "Guest:Listen", "[]", "Replication:Guest:Listen")]
    [InlineData("primary", "Disks", "[]", "Replication:Disks")]
    [InlineData("primary", "Disks:0:Name", null, "Replication:Disks:0:Name")]
    [InlineData("secondary", "Mirror:Listen", null, "Replication:Mirror:Listen")]
    [InlineData("secondary", "Overlay", null, "Replication:Overlay:Directory")]
    // Unknown.
    [InlineData("primary", "Colour", "\"blue\"", "Replication:Colour", "unknown")]
    [InlineData("secondary", "Mirror:Speed", "1", "Replication:Mirror:Speed", "unknown")]
    [InlineData("secondary", "Disks:0:Size", "\"1MiB\"", "Replication:Disks:0:Size", "unknown")]
    // Of a later version.
    [InlineData("primary", "Durability", "\"raid\"", "Replication:Durability", "process, power")]
    [InlineData("primary", "Disks:0:Cache", "\"none\"", "Replication:Disks:0:Cache", "not available")]
    [InlineData("primary", "Disks:0:Format", "\"qcow2\"", "Replication:Disks:0:Format", "not available")]
    [InlineData("primary", "Peer:Mirror", "\"grpc://127.0.0.1:7102\"", "Replication:Peer:Mirror", "not available")]
    [InlineData("primary", "Guest:Listen", "[ \"nbds://127.0.0.1:0\" ]", "Replication:Guest:Listen:0", "not available")]
    [InlineData("primary", "Control:Listen", "[ \"https://127.0.0.1:0\" ]", "Replication:Control:Listen:0", "not available")]
    [InlineData("primary", "Qmp", "{ \"Listen\": \"nbd://127.0.0.1:1\" }", "Replication:Qmp:Listen", "unix:/path")]
    // Sizes, durations, words.
    [InlineData("primary", "Mirror:Window", "\"64MB\"", "Replication:Mirror:Window", "64MB")]
    [InlineData("primary", "Mirror:Window", "\"-1\"", "Replication:Mirror:Window")]
    [InlineData("secondary", "Overlay:BlockSize", "\"5000\"", "Replication:Overlay:BlockSize", "5000")]
    [InlineData("secondary", "Overlay:BlockSize", "\"2MiB\"", "Replication:Overlay:BlockSize", "2MiB")]
    [InlineData("secondary", "Overlay:SoftLimit", "\"5GiB\"", "Replication:Overlay:SoftLimit", "4GiB")]
    [InlineData("primary", "Mirror:Deadline", "\"500\"", "Replication:Mirror:Deadline", "500")]
    [InlineData("primary", "Mirror:Deadline", "\"0ms\"", "Replication:Mirror:Deadline", "0ms")]
    [InlineData("primary", "Peer:WaitAtStart", "\"soon\"", "Replication:Peer:WaitAtStart", "soon")]
    [InlineData("primary", "Mirror:Acknowledge", "\"maybe\"", "Replication:Mirror:Acknowledge", "maybe")]
    [InlineData("secondary", "Mirror:AllowPlain", "\"perhaps\"", "Replication:Mirror:AllowPlain", "perhaps")]
    // Addresses.
    [InlineData("primary", "Control:Listen", "[ \"http://127.0.0.1\" ]", "Replication:Control:Listen:0", "http://127.0.0.1")]
    [InlineData("primary", "Control:Listen", "[ \"127.0.0.1:7101\" ]", "Replication:Control:Listen:0", "127.0.0.1:7101")]
    [InlineData("primary", "Guest:Listen", "[ \"nbd://127.0.0.1:99999\" ]", "Replication:Guest:Listen:0", "99999")]
    [InlineData("primary", "Guest:Listen", "[ \"nbd+unix:///\" ]", "Replication:Guest:Listen:0")]
    [InlineData("primary", "Guest:Listen", "[ \"nbd://0.0.0.0:0\" ]", "Replication:Guest:Listen:0", "AllowInsecure")]
    [InlineData("primary", "Peer:Control", "\"http://127.0.0.1:0\"", "Replication:Peer:Control")]
    [InlineData("primary", "Peer:Mirror", "\"http://127.0.0.1:1\"", "Replication:Peer:Mirror")]
    // Disks.
    [InlineData("primary", "Disks:0:Name", "\"a/b\"", "Replication:Disks:0:Name")]
    [InlineData("primary", "Disks", "[ { \"Name\": \"a\", \"Path\": \"disk0.raw\" }, { \"Name\": \"a\", \"Path\": \"b.raw\" } ]", "Replication:Disks:1:Name")]
    [InlineData("primary", "Disks", "[ { \"Name\": \"a\", \"Path\": \"disk0.raw\" }, { \"Name\": \"b\", \"Path\": \"disk0.raw\" } ]", "Replication:Disks:1:Path")]
    [InlineData("primary", "Disks:0:Path", "\"nowhere.raw\"", "Replication:Disks:0:Path", "nowhere.raw")]
    [InlineData("secondary", "Disks:0:Path", "\"nowhere.raw\"", "Replication:Disks:0:Path", "nowhere.raw")]
    [InlineData("primary", "Disks:0:Path", "\"..\"", "Replication:Disks:0:Path")]
    // Directories.
    [InlineData("primary", "StateDirectory", "\"disk0.raw\"", "Replication:StateDirectory", "disk0.raw")]
    [InlineData("primary", "StateDirectory", "\"/proc/replication\"", "Replication:StateDirectory", "/proc/replication")]
    [InlineData("secondary", "Overlay:Directory", "\"/proc/replication\"", "Replication:Overlay:Directory", "/proc/replication")]
    [InlineData("primary", "Faults", "[ \"node=disk0 op=dance\" ]", "Replication:Faults:0", "dance")]
    public async Task A_wrong_value_is_refused_by_its_key(string side, string key, string? json, params string[] names)
    {
        using var host = new HostDirectory(side);
        host.Set(key, json);
        await host.RefusedAsync(names);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("REPLICATION__COLOUR", "blue", "Replication:COLOUR", "REPLICATION__COLOUR")]
    [InlineData("REPLICATION__MIRROR__DEADLINE", "soon", "Mirror:Deadline", "REPLICATION__MIRROR__DEADLINE")]
    [InlineData("REPLICATION__QMP__LISTEN", "tcp:4444", "unix:/path", "REPLICATION__QMP__LISTEN")]
    public async Task A_wrong_environment_variable_is_named(string name, string value, params string[] names)
    {
        using var host = new HostDirectory("primary");
        await host.RefusedAsync(names, environment: new Dictionary<string, string?> { [name] = value });
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("--config", "nowhere.json", "nowhere.json")]
    [InlineData("--config", ".", "--config")]
    [InlineData("--configuration", "node.json", "--configuration")]
    public async Task A_wrong_command_line_is_refused(string option, string file, string name)
    {
        using var host = new HostDirectory("primary");
        await host.RefusedAsync([name], [option, host[file]]);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_file_that_is_no_json_is_refused()
    {
        using var host = new HostDirectory("secondary");
        await File.WriteAllTextAsync(host["broken.json"], "{ \"Replication\": { \"Group\": ");
        await host.RefusedAsync(["broken.json"], ["--config", host["broken.json"]]);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("primary", 0, "empty")]
    [InlineData("secondary", 513, "513")]
    public async Task A_disk_of_a_bad_length_is_refused(string side, long lengthBytes, string name)
    {
        using var host = new HostDirectory(side);
        DiskFile.Fill(host["disk0.raw"], lengthBytes, 0x11);
        await host.RefusedAsync(["Replication:Disks:0:Path", "disk0.raw", name]);
    }

    [Theory(Timeout = TimeoutMs)]
    [InlineData("Control:Listen", "http://127.0.0.1:{0}")]
    [InlineData("Guest:Listen", "nbd://127.0.0.1:{0}")]
    [InlineData("Mirror:Listen", "nbd://127.0.0.1:{0}")]
    public async Task A_port_in_use_is_refused(string key, string form)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        string address = form.Replace("{0}", $"{((IPEndPoint)other.LocalEndpoint).Port}", StringComparison.Ordinal);
        using var host = new HostDirectory("secondary");
        host.Set(key, $"[ \"{address}\" ]");
        await host.RefusedAsync([$"Replication:{key}:0", address]);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_disk_or_a_state_directory_of_another_node_is_refused()
    {
        using var host = new HostDirectory("primary");
        await using Node node = host.Node();
        await node.StartAsync();

        using var other = new HostDirectory("secondary");
        other.Set("Disks:0:Path", $"\"{host["disk0.raw"]}\"");
        await other.RefusedAsync(["Replication:Disks:0:Path", host["disk0.raw"], "in use"]);
        other.Set("Disks:0:Path", "\"disk0.raw\"");
        other.Set("StateDirectory", $"\"{host["state"]}\"");
        await other.RefusedAsync(["Replication:StateDirectory", host["state"], "in use"]);

        // QEMU's programs are refused as well.
        CommandResult write = await Command.RunAsync(Programs.Require("qemu-io"), ["-f", "raw", "-c", "write 0 512", host["disk0.raw"]]);
        Assert.NotEqual(0, write.ExitCode);
        CommandResult read = await Command.RunAsync(Programs.Require("qemu-img"), ["convert", "-f", "raw", "-O", "raw", host["disk0.raw"], host["copy.raw"]]);
        Assert.NotEqual(0, read.ExitCode);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_disk_that_qemu_nbd_serves_is_refused()
    {
        using var host = new HostDirectory("primary");
        await using RunningProcess qemu = RunningProcess.Start(
            Programs.Require("qemu-nbd"), "--persistent", "--format=raw", "--socket", host["qemu.sock"], host["disk0.raw"]);
        await Eventually.TrueAsync(() => File.Exists(host["qemu.sock"]));
        await host.RefusedAsync(["Replication:Disks:0:Path", host["disk0.raw"], "in use"]);
    }

    [Fact(Timeout = TimeoutMs)]
    public async Task A_secondary_whose_overlay_another_node_uses_is_refused()
    {
        using var host = new HostDirectory("secondary");
        await using Node node = host.Node();
        await node.StartAsync();
        using var other = new HostDirectory("secondary");
        other.Set("Overlay:Directory", $"\"{host["overlay"]}\"");
        await other.RefusedAsync(["Replication:Overlay:Directory", host["overlay"]]);
    }
}
