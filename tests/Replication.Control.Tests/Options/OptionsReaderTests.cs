using Replication.Block.State;
using Replication.Control.Options;
using Replication.Roles;

namespace Replication.Control.Tests.Options;

public sealed class OptionsReaderTests
{
    [Fact]
    public void The_primary_sample_is_read_whole()
    {
        using var file = new ConfigurationFile(Samples.Primary);
        HostOptions options = file.Read();
        Assert.Equal("vm1", options.Node.Group);
        Assert.Equal("/var/lib/replication/vm1", options.Node.StateDirectory);
        Assert.Equal(NodeRole.Primary, options.Node.InitialRole);
        Assert.Equal(Durability.Process, options.Node.Durability);
        Assert.Equal(new PeerOptions("http://127.0.0.1:7102", "nbd://127.0.0.1:10909", TimeSpan.FromSeconds(30)), options.Node.Peer);
        Assert.Equal(new MirrorOptions(Acknowledge.Applied, TimeSpan.FromMilliseconds(500), 64 << 20, AllowPlain: false), options.Node.Mirror);
        Assert.Equal([new DiskOptions("disk0", Path.Combine(file.Directory, "disk0.raw"))], options.Node.Disks);
        Assert.Null(options.Node.Overlay);
        Assert.Empty(options.Node.Faults!);
        Assert.Equal(["http://127.0.0.1:7101"], options.Control.Select(l => l.Address.ToString()));
        Assert.Equal(["nbd://127.0.0.1:10809", "nbd+unix:///?socket=/run/replication/vm1.sock"], options.Guest.Select(l => l.Address.ToString()));
        Assert.Empty(options.Mirror);
    }

    [Fact]
    public void The_secondary_sample_is_read_whole()
    {
        using var file = new ConfigurationFile(Samples.Secondary);
        HostOptions options = file.Read(NodeRole.Secondary);
        Assert.Equal(new OverlayOptions("/dev/shm/vm1", 4096, 4L << 30, 3L << 30), options.Node.Overlay);
        Assert.Equal(["nbd://127.0.0.1:10909"], options.Mirror.Select(l => l.Address.ToString()));
        Assert.Null(options.MissingForSecondary);
    }

    [Fact]
    public void What_is_not_given_has_the_schemas_default()
    {
        using var file = new ConfigurationFile(Samples.With(Samples.Secondary, "Overlay", """{ "Directory": "overlay", "Limit": "8MiB" }"""));
        HostOptions options = file.Read();
        Assert.Equal(new OverlayOptions(Path.Combine(file.Directory, "overlay"), 4096, 8 << 20, 6 << 20), options.Node.Overlay);
        Assert.Equal(new MirrorOptions(Acknowledge.Applied, TimeSpan.FromMilliseconds(500), 64 << 20, AllowPlain: false), options.Node.Mirror);
        Assert.Equal(new PeerOptions(null, null, TimeSpan.FromSeconds(30)), options.Node.Peer);
    }

    [Fact]
    public void The_environment_overrides_the_file()
    {
        using var file = new ConfigurationFile(Samples.Primary);
        HostOptions options = file.Read(
            ("REPLICATION__MIRROR__DEADLINE", "1s"), ("REPLICATION__Mirror__Acknowledge", "local"), ("REPLICATION__DISKS__1__NAME", "disk1"), (
                "REPLICATION__DISKS__1__PATH", "/d1"),
            ("REPLICATION__CONTROL__LISTEN__0", "unix:control.sock"), ("REPLICATION_PORT", "tcp://10.0.0.1"), ("PATH", "/bin"));
        Assert.Equal(TimeSpan.FromSeconds(1), options.Node.Mirror.Deadline);
        Assert.Equal(Acknowledge.Local, options.Node.Mirror.Acknowledge);
        Assert.Equal(["disk0", "disk1"], options.Node.Disks.Select(d => d.Name));
        Assert.Equal([$"unix:{file.Directory}/control.sock"], options.Control.Select(l => l.Address.ToString()));
    }

    [Fact]
    public void A_secondary_needs_its_overlay_and_its_mirror_listener_and_a_primary_does_not()
    {
        using var primary = new ConfigurationFile(Samples.Primary);
        Assert.Equal(
            "Replication:Mirror:Listen:0: missing, and a node in role secondary needs it; accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH",
            primary.Read().MissingForSecondary!.Message);
        using var secondary = new ConfigurationFile(Samples.With(Samples.Secondary, "Overlay:Directory", null));
        Assert.StartsWith(
            "Replication:Overlay:Directory: missing, and a node in role secondary needs it", secondary.Read().MissingForSecondary!.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Control:Listen", """["http://0.0.0.0:7101"]""", "http://0.0.0.0:7101")]
    [InlineData("Guest:Listen", """["nbd://192.168.0.1:10809"]""", "nbd://192.168.0.1:10809")]
    [InlineData("Mirror:Listen", """["nbd://[::]:10909"]""", "nbd://[::]:10909")]
    public void A_listener_outside_loopback_needs_AllowInsecure_beside_it(string key, string json, string address)
    {
        using var refused = new ConfigurationFile(Samples.With(key, json));
        Assert.Equal(
            $"Replication:{key}:0: \"{address}\" is outside loopback, and TLS is not available in this version; accepted: a loopback address, a Unix socket, "
            + "or \"AllowInsecure\": true beside it",
            refused.Refusal());
        using var allowed = new ConfigurationFile(
            Samples.With(Samples.With(key, json), key.Replace("Listen", "AllowInsecure", StringComparison.Ordinal), "true"));
        HostOptions options = allowed.Read();
        Assert.Contains(
            address, options.Control.Select(l => l.Address.ToString()).Concat(options.Guest.Concat(options.Mirror).Select(l => l.Address.ToString())));
    }

    [Fact]
    public void Null_and_empty_sections_count_as_not_given()
    {
        using var file = new ConfigurationFile(Samples.With(Samples.With(Samples.With("Peer", "null"), "Mirror", "{}"), "Faults", "[]"));
        Assert.Null(file.Read().Node.Peer.Control);
    }
}
