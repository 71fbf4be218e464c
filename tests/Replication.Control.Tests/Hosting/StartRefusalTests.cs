using System.Net;
using System.Net.Sockets;
using Replication.Block;
using Replication.Block.Files;
using Replication.Block.State;
using Replication.Control.Journal;

namespace Replication.Control.Tests.Hosting;

/// <summary>What the outside can refuse: each with its line, exit code 2 and nothing changed on disk.</summary>
public sealed class StartRefusalTests
{
    [Theory]
    [InlineData("Control:Listen", "http://127.0.0.1:{0}")]
    [InlineData("Guest:Listen", "nbd://127.0.0.1:{0}")]
    [InlineData("Mirror:Listen", "nbd://127.0.0.1:{0}")]
    public async Task A_port_in_use(string key, string form)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        string address = form.Replace("{0}", $"{((IPEndPoint)other.LocalEndpoint).Port}", StringComparison.Ordinal);
        using var host = new HostRun((key, $"[\"{address}\"]"));
        Assert.Equal($"Replication:{key}:0: cannot listen on {address}: the address is in use", await host.RefusalAsync());
    }

    [Fact]
    public async Task One_address_twice()
    {
        using var host = new HostRun(("Control:Listen", "[\"unix:x.sock\"]"), ("Guest:Listen", "[\"nbd+unix:///?socket=x.sock\"]"));
        Assert.Equal("Replication:Guest:Listen:0: cannot listen on nbd+unix:///?socket=DIR/x.sock: another process listens on it", await host.RefusalAsync());
    }

    [Fact]
    public async Task A_file_where_a_socket_should_be()
    {
        using var host = new HostRun(("Control:Listen", "[\"unix:disk0.raw\"]"));
        Assert.Equal("Replication:Control:Listen:0: cannot listen on unix:DIR/disk0.raw: the file exists and is no socket", await host.RefusalAsync());
    }

    [Theory]
    [InlineData("Control:Listen", "unix:no/such.sock", "unix:DIR/no/such.sock: there is no directory DIR/no")]
    [InlineData("Guest:Listen", "nbd://no.such.host.invalid:1", "nbd://no.such.host.invalid:1: the host name cannot be resolved", "Guest:AllowInsecure")]
    public async Task An_address_that_is_not_there(string key, string address, string says, string? allow = null)
    {
        (string, string?)[] keys = allow is null ? [(key, $"[\"{address}\"]")] : [(key, $"[\"{address}\"]"), (allow, "true")];
        using var host = new HostRun(keys);
        Assert.Equal($"Replication:{key}:0: cannot listen on {says}", await host.RefusalAsync());
    }

    [Fact]
    public async Task A_disk_that_is_missing()
    {
        using var host = new HostRun(("Disks:0:Path", "\"other.raw\""));
        Assert.StartsWith("Replication:Disks:0:Path: DIR/other.raw ", await host.RefusalAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "is empty")]
    [InlineData(1000, "its length of 1000 bytes is not a multiple of 512")]
    public async Task A_disk_of_a_wrong_length(long lengthBytes, string says)
    {
        using var host = new HostRun();
        host.Directory.CreateFile("disk0.raw", lengthBytes);
        Assert.Equal($"Replication:Disks:0:Path: DIR/disk0.raw {says}", await host.RefusalAsync());
    }

    [Fact]
    public async Task A_disk_that_is_in_use()
    {
        using var host = new HostRun();
        using var workers = new BlockingWorkers();
        await using RawFile other = RawFile.Open("other", host.Directory["disk0.raw"], workers);
        Assert.Equal("Replication:Disks:0:Path: DIR/disk0.raw is in use by another process", await host.RefusalAsync());
    }

    [Fact]
    public async Task One_file_under_two_names()
    {
        using var host = new HostRun(("Disks", """[{"Name":"a","Path":"disk0.raw"},{"Name":"b","Path":"link.raw"}]"""));
        File.CreateSymbolicLink(host.Directory["link.raw"], host.Directory["disk0.raw"]);
        Assert.Equal("Replication:Disks:1:Path: DIR/link.raw is the same file as disk a's; paths must differ", await host.RefusalAsync());
    }

    [Theory]
    [InlineData("StateDirectory", "disk0.raw", "DIR/disk0.raw cannot be created: a file of that name is there")]
    [InlineData("Overlay:Directory", "disk0.raw", "DIR/disk0.raw cannot be created: a file of that name is there")]
    [InlineData("StateDirectory", "disk0.raw/state", "DIR/disk0.raw cannot be created: a file of that name is there", true)]
    public async Task A_directory_that_cannot_be_made(string key, string path, string says, bool startsOnly = false)
    {
        using var host = new HostRun((key, $"\"{path}\""));
        string line = await host.RefusalAsync();
        if (startsOnly)
            Assert.StartsWith($"Replication:{key}: DIR/disk0.raw", line, StringComparison.Ordinal);
        else
            Assert.Equal($"Replication:{key}: {says}", line);
    }

    [Fact]
    public async Task A_directory_below_proc()
    {
        using var host = new HostRun(("StateDirectory", "\"/proc/replication/state\""));
        Assert.StartsWith("Replication:StateDirectory: /proc/replication", await host.RefusalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_state_directory_that_is_in_use()
    {
        using var host = new HostRun();
        Directory.CreateDirectory(host.Directory["state"]);
        using NodeJournal other = NodeJournal.Open(host.Directory["state"], "boot", TimeProvider.System, _ => { });
        Assert.Equal("Replication:StateDirectory: state directory DIR/state is in use by another process", await host.RefusalAsync());
    }

    [Fact]
    public async Task What_the_node_refuses_names_the_state_directory_and_leaves_nothing()
    {
        using var host = new HostRun { Open = (_, _) => throw new StateException("the state belongs to group vm2") };
        Assert.Equal("Replication:StateDirectory: the state belongs to group vm2", await host.RefusalAsync());
    }

    [Theory]
    [InlineData(StatePlace.StateDirectory, "StateDirectory")]
    [InlineData(StatePlace.OverlayDirectory, "Overlay:Directory")]
    [InlineData(StatePlace.SpillDirectory, "Overlay:Spill")]
    public async Task A_directory_that_the_node_cannot_use_is_named_by_its_key_whatever_the_words(StatePlace place, string key)
    {
        using var host = new HostRun(("Overlay:Directory", "\"overlay\""), ("Overlay:Spill", "\"spill\""))
        {
            Open = (options, _) =>
                throw new StateException($"not {options.Overlay!.Directory} and not {options.Overlay.SpillDirectory}, it is in use") { Place = place },
        };
        Assert.Equal($"Replication:{key}: not DIR/overlay and not DIR/spill, it is in use", await host.RefusalAsync());
    }

    [Fact]
    public async Task A_bad_fault_rule()
    {
        using var host = new HostRun(("Faults", "[\"node=disk0 op=write nth=1 error=EIO\", \"colour=blue\"]"));
        Assert.StartsWith("Replication:Faults:1: ", await host.RefusalAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_secondary_without_its_overlay(bool isRecorded)
    {
        using var host = new HostRun(("Mirror:Listen", "[\"nbd://127.0.0.1:0\"]"))
        {
            Role = isRecorded ? NodeRole.Primary : NodeRole.Secondary,
            Open = (options, services) => new FakeHostedNode(options, services) { Role = NodeRole.Secondary },
        };
        Assert.StartsWith("Replication:Overlay:Directory: missing, and a node in role secondary needs it", await host.RefusalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_recorded_secondary_whose_node_misses_the_overlay_first()
    {
        using var host = new HostRun(("Mirror:Listen", "[\"nbd://127.0.0.1:0\"]"))
        {
            Open = (_, _) => throw new StateException("in whatever words") { Place = StatePlace.OverlayNotConfigured },
        };
        Assert.StartsWith("Replication:Overlay:Directory: missing, and a node in role secondary needs it", await host.RefusalAsync(), StringComparison.Ordinal);
    }
}
