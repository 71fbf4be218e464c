using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Replication.Block;
using Replication.Block.State;
using Replication.Control.Peer;
using Replication.Nbd;
using Replication.Roles;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

public sealed class NodeHostTests
{
    [Fact]
    public async Task The_ready_line_names_every_address_and_each_of_them_answers()
    {
        using var host = new HostRun(
            ("Control:Listen", "[\"http://127.0.0.1:0\", \"unix:control.sock\", \"http://[::1]:0\"]"), (
                "Guest:Listen", "[\"nbd://127.0.0.1:0\", \"nbd+unix:///?socket=guest.sock\"]"),
            ("Mirror:Listen", "[\"nbd://localhost:0\"]"));
        JsonElement ready = await host.StartAsync();
        Assert.Equal(["ready", "role", "control", "guest", "mirror"], ready.EnumerateObject().Select(p => p.Name));
        Assert.True(ready.GetProperty("ready").GetBoolean());
        Assert.Equal("primary", ready.GetProperty("role").GetString());
        string[] control = Addresses(ready, "control");
        Assert.Matches("^http://127\\.0\\.0\\.1:[1-9][0-9]*$", control[0]);
        Assert.Equal($"unix:{host.Directory.Path}/control.sock", control[1]);
        Assert.Matches("^http://\\[::1\\]:[1-9][0-9]*$", control[2]);
        Assert.Equal(control[0], host.Node!.Options.OwnControl);
        foreach (string address in control)
        {
            using var peer = new GrpcPeer(address);
            Assert.Equal(24UL, (await peer.GetPositionAsync("vm1", CancellationToken.None)).Epoch);
        }

        string[] guest = Addresses(ready, "guest");
        Assert.Matches("^nbd://127\\.0\\.0\\.1:[1-9][0-9]*$", guest[0]);
        Assert.Equal($"nbd+unix:///?socket={host.Directory.Path}/guest.sock", guest[1]);
        foreach (string address in guest)
        {
            await using BlockNode disk = await NbdClient.ConnectAsync(NbdAddress.Parse(address), "disk0", new NbdClientOptions(), CancellationToken.None);
            Assert.Equal(1 << 20, disk.LengthBytes);
        }

        using (var mirror = new TcpClient())
            await mirror.ConnectAsync(IPAddress.Loopback, NbdAddress.Parse(Assert.Single(Addresses(ready, "mirror"))).Port);
        Assert.Equal(0, await host.StopAsync());
        Assert.Single(host.Output.TrimEnd('\n').Split('\n'));
        Assert.Equal(["begin", "guest", "dispose"], host.Node.Steps.Distinct());
        Assert.DoesNotContain(host.Entries, e => e.EndsWith(".sock", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_mirror_listener_the_list_is_empty_and_text_stays_readable()
    {
        using var host = new HostRun(("Guest:Listen", "[\"nbd+unix:///?socket=guest.sock\"]"), ("Control:Listen", "[\"unix:control.sock\"]"));
        await host.StartAsync();
        Assert.Equal(
            $$"""{"ready":true,"role":"primary","control":["unix:{{host.Directory.Path}}/control.sock"],"guest":["nbd+unix:///?socket={{host.Directory.Path}}/guest.sock"],"mirror":[]}""" + "\n",
            host.Output);
    }

    [Fact]
    public async Task Directories_are_made_for_their_owner_alone()
    {
        using var host = new HostRun(("StateDirectory", "\"a/b/state\""), ("Overlay", """{ "Directory": "overlay" }"""));
        await host.StartAsync();
        foreach (string directory in new[] { "a/b/state", "overlay" })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(host.Directory[directory]));
        Assert.Equal(0, await host.StopAsync());
        Assert.True(Directory.Exists(host.Directory["a/b/state/journal"]));
    }

    [Fact]
    public async Task The_node_gets_its_disks_open_and_locked_and_its_journal_outlives_it()
    {
        using var host = new HostRun();
        await host.StartAsync();
        await using BlockNode disk = host.Node!.Services.OpenDisk(host.Node.Options.Disks[0]);
        Assert.Equal(1 << 20, disk.LengthBytes);
        host.Node.Services.Journal.Publish(EventTypes.Started);
        Assert.Equal(0, await host.StopAsync());
        string log = await File.ReadAllTextAsync(Directory.GetFiles(host.Directory["state/journal"], "events-*.jsonl").Single());
        Assert.Contains("\"type\":\"started\"", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_nodes_socket_is_replaced()
    {
        using var host = new HostRun(("Control:Listen", "[\"unix:control.sock\"]"), ("Guest:Listen", "[\"nbd+unix:///?socket=guest.sock\"]"));
        LeaveStale(host.Directory["control.sock"]);
        LeaveStale(host.Directory["guest.sock"]);
        await host.StartAsync();
        using var peer = new GrpcPeer($"unix:{host.Directory["control.sock"]}");
        await peer.GetPositionAsync("vm1", CancellationToken.None);
    }

    [Fact]
    public async Task The_recorded_role_is_told_and_not_the_binarys()
    {
        using var host =
            new HostRun { Open = (options, services) => new FakeHostedNode(options, services) { Role = NodeRole.Primary }, Role = NodeRole.Secondary };
        Directory.CreateDirectory(host.Directory["state"]);
        await File.WriteAllTextAsync(host.Directory["state/manifest"], "the fake node does not read it");
        Assert.Equal("primary", (await host.StartAsync()).GetProperty("role").GetString());
    }

    [Fact]
    public async Task A_guest_request_in_flight_is_answered_before_the_end()
    {
        var deferred = new DeferredNode(new MemoryNode(1 << 20));
        using var host = new HostRun
        {
            Open = (options, services) => new FakeHostedNode(options, services) { Disk = new NbdExport("disk0", deferred) },
        };
        JsonElement ready = await host.StartAsync();
        await using BlockNode disk = await NbdClient.ConnectAsync(
            NbdAddress.Parse(Addresses(ready, "guest")[0]), "disk0", new NbdClientOptions(), CancellationToken.None);
        Task write = disk.WriteAsync(0, new byte[4096]).AsTask();
        IReadOnlyList<DeferredRequest> pending = await deferred.WaitForPendingAsync();
        Task<int> exit = host.StopAsync();
        Assert.DoesNotContain("dispose", host.Node!.Steps);
        await pending[0].ReleaseAsync();
        await write;
        Assert.Equal(0, await exit);
        Assert.Contains("dispose", host.Node.Steps);
    }

    [Fact]
    public async Task A_guest_that_waits_in_the_backlog_is_served_only_after_the_node_has_begun()
    {
        Task<NbdClientNode>? guest = null;
        using var host = new HostRun(("Guest:Listen", "[\"nbd+unix:///?socket=guest.sock\"]"))
        {
            Open = (options, services) =>
            {
                // The sockets are bound: from here on a client can connect.
                guest = NbdClient.ConnectAsync(NbdAddress.Unix(Path.GetFullPath("../guest.sock", options.StateDirectory)), "disk0");
                return new FakeHostedNode(options, services);
            },
        };
        await host.StartAsync();
        await using BlockNode disk = await guest!;
        Assert.Equal(["begin", "guest"], host.Node!.Steps.Distinct());
    }

    [Fact]
    public async Task An_unforeseen_failure_ends_with_1_and_takes_its_directories_along()
    {
        using var host = new HostRun { Open = (_, _) => throw new InvalidOperationException("out of order") };
        host.WriteConfiguration();
        string[] before = host.Entries;
        Assert.Equal(1, await host.Run());
        Assert.StartsWith("replication-primary: failed: System.InvalidOperationException: out of order", host.Error, StringComparison.Ordinal);
        Assert.Equal(before, host.Entries);
    }

    private static string[] Addresses(JsonElement ready, string listener) => [.. ready.GetProperty(listener).EnumerateArray().Select(a => a.GetString()!)];

    /// <summary>A socket's file without its socket, as kill -9 leaves it.</summary>
    private static void LeaveStale(string path)
    {
        string parked = path + ".parked";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, parked); // Closing removes the file by its name.
        }

        File.Move(parked, path);
    }
}
