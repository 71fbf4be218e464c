using System.Globalization;
using System.Text.Json;
using Replication.Interop.Support;
using Replication.Nbd;

namespace Replication.Interop.Fleecing;

/// <summary>Fleeces of real nodes under the programs that people read them with, while the guest writes and verifies.</summary>
public sealed class FleecingTests : InteropTest
{
    private const int MiB = 1 << 20;
    private const int DiskBytes = 16 * MiB;

    private readonly TempDirectory _images = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _images.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData(null)]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task Nbdcopy_gets_the_moment_while_the_guest_writes_and_verifies_and_the_pair_takes_checkpoints(string? format)
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync();
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x41 0 512", "write -z -u 2M 1M", "write -P 0xdc 9M 124k");
        string reference = Reference(pair.Primary);
        string[] target = format is null ? [] : ["--target", _images["old"], "--format", format];
        JsonElement fleece = await OpenAsync(pair, ["disk0", .. target]);
        Task guest = FioAsync(pair.Primary);
        string copy = _images["copy.raw"];
        Task copying = Command.RequireAsync("nbdcopy", Address(fleece), copy);
        do
            await pair.DoAsync("checkpoint");
        while (!copying.IsCompleted);
        await copying;
        await guest;
        DiskFile.Equal(reference, copy);
        // Once more, now that the guest has written all over the disk: everything is in the target.
        await Command.RequireAsync("nbdcopy", Address(fleece), copy);
        DiskFile.Equal(reference, copy);
        await pair.DoAsync("fleece", "close", Name(fleece));
        if (format == "qcow2")
            await Command.RequireAsync("qemu-img", "check", "-q", _images["old"]);
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_secondarys_disk_is_fleeced_too()
    {
        Pair pair = await StartPairAsync();
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x41 0 1M");
        await pair.DoAsync("checkpoint");
        string reference = Reference(pair.Primary);
        JsonElement fleece = await OpenAsync(pair, ["disk0", "--node", "secondary"]);
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x42 0 2M");
        await pair.DoAsync("checkpoint");
        string copy = _images["copy.raw"];
        await Command.RequireAsync("nbdcopy", Address(fleece), copy);
        DiskFile.Equal(reference, copy);
        await pair.DoAsync("fleece", "close", Name(fleece), "--node", "secondary");
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Theory(Timeout = TestTimeoutMs)]
    [InlineData("disk0")]
    [InlineData("disk0.secondary")]
    public async Task What_a_secondary_has_shown_is_read_through_its_promotion(string device)
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync();
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x41 1M 1M");
        await pair.DoAsync("checkpoint");
        string reference = Reference(pair.Primary);
        JsonElement fleece = await OpenAsync(pair, [device, "--node", "secondary", "--lease", "none"]);
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x42 0 2M");
        await pair.Primary.Process.KillAsync();
        await pair.DoAsync("failover");
        await FioAsync(pair.Secondary);
        string copy = _images["copy.raw"];
        await Command.RequireAsync("nbdcopy", Address(fleece), copy);
        DiskFile.Equal(reference, copy);
        await pair.DoAsync("fleece", "close", Name(fleece), "--node", "secondary");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_chain_is_pulled_by_what_its_bitmap_says()
    {
        Pair pair = await StartNodesAsync();
        await pair.DoAsync("bitmap", "add", "disk0", "b0", "--persistent");
        string full = _images["full.raw"];
        JsonElement first = await OpenAsync(pair, "disk0");
        await Command.RequireAsync("nbdcopy", Address(first), full);
        await pair.DoAsync("fleece", "close", Name(first));

        string backing = full;
        for (int round = 1; round <= 2; round++)
        {
            await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), $"write -P {0x50 + round} {round}M 100k", $"write -P {0x60 + round} 9000k 1M");
            string reference = Reference(pair.Primary, $"reference{round}.raw");
            JsonElement fleece = await OpenAsync(pair, "disk0", "--bitmap", "b0");
            // Marked for the next round, and not to be read in this one.
            await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x77 12M 64k", $"write -P 0x78 {round}M 64k");
            await Command.RequireAsync("qemu-io", "-r", "-f", "raw", "-c", $"read -P {0x60 + round} 9000k 4k", Address(fleece));
            CommandResult outside = await Command.RunAsync(Programs.Require("qemu-io"), ["-r", "-f", "raw", "-c", "read 15M 4k", Address(fleece)]);
            Assert.Contains("Operation not permitted", outside.ToString(), StringComparison.Ordinal);

            string increment = _images[$"inc{round}.qcow2"];
            await PullAsync(fleece, increment, backing, round == 1 ? "raw" : "qcow2");
            await Command.RequireAsync("qemu-img", "compare", "-f", "qcow2", "-F", "raw", increment, reference);
            await Command.RequireAsync("qemu-img", "check", "-q", increment);
            await pair.DoAsync("fleece", "close", Name(fleece), "--done");
            backing = increment;
        }
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Nbdinfo_maps_what_the_guest_has_changed_and_what_is_allocated()
    {
        Pair pair = await StartNodesAsync();
        await pair.DoAsync("bitmap", "add", "disk0", "b0");
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x50 1M 128k", "write -z -u 4M 1M");
        JsonElement fleece = await OpenAsync(pair, "disk0", "--bitmap", "b0");
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x51 1M 64k", "write -P 0x51 8M 64k");
        Assert.Equal(
            [(0, MiB, 0), (MiB, 128 << 10, 1), (MiB + (128 << 10), 4 * MiB - MiB - (128 << 10), 0), (4 * MiB, MiB, 1), (5 * MiB, 11 * MiB, 0)],
            await MapAsync(fleece, "qemu:dirty-bitmap:b0"));
        Assert.Equal(
            [
                (0, MiB, 0), (MiB, 64 << 10, 1), (MiB + (64 << 10), 64 << 10, 2), (MiB + (128 << 10), 4 * MiB - MiB - (128 << 10), 0), (4 * MiB, MiB, 2),
                (5 * MiB, 11 * MiB, 0),
            ],
            await MapAsync(fleece, "qemu:allocation-depth"));
        List<(int Offset, int Length, int Type)> allocation = await MapAsync(fleece, "base:allocation");
        Assert.Contains((4 * MiB, MiB, 3), allocation);
        Assert.Equal(DiskBytes, allocation.Sum(extent => extent.Length));
        JsonElement export = JsonDocument.Parse(await Command.RequireAsync("nbdinfo", "--json", Address(fleece))).RootElement.GetProperty("exports")[0];
        Assert.True(export.GetProperty("is_read_only").GetBoolean());
        Assert.True(export.GetProperty("can_multi_conn").GetBoolean());
        Assert.Contains("disk disk0 as it was", export.GetProperty("description").GetString(), StringComparison.Ordinal);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task Beyond_its_quota_it_is_lost_and_the_guest_goes_on()
    {
        Programs.Require("fio");
        Pair pair = await StartPairAsync();
        JsonElement fleece = await OpenAsync(pair, "disk0", "--quota", "1MiB");
        await FioAsync(pair.Primary);
        CommandResult copy = await Command.RunAsync(Programs.Require("nbdcopy"), [Address(fleece), _images["copy.raw"]]);
        Assert.NotEqual(0, copy.ExitCode);
        JsonElement listed = Assert.Single((await pair.DoAsync("fleece", "list")).GetProperty("fleeces").EnumerateArray());
        Assert.Contains("the quota of 1048576 bytes of old content is used up", listed.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(StateOf(pair.Primary), "fleece-*"));
        (await pair.RunAsync("fleece", "close", Name(fleece), "--done")).Refused(1, "cannot count as read");
        await pair.DoAsync("fleece", "close", Name(fleece));
        foreach (string type in new[] { "fleece-opened", "fleece-high-water", "fleece-broken", "fleece-closed" })
            Assert.Equal(Name(fleece), Assert.Single(await pair.EventsAsync("primary", type)).GetProperty("fleece").GetString());
        await pair.DoAsync("stop");
        await pair.DisksAreEqualAsync();
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task What_a_reader_discards_makes_room_and_is_denied_and_nothing_can_be_written()
    {
        Pair pair = await StartNodesAsync();
        JsonElement fleece = await OpenAsync(pair, "disk0", "--says-writable");
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x51 0 1M");
        await QemuIo.RunAsync(Address(fleece), "read -P 0x11 0 1M", "discard 0 512k", "read -P 0x11 512k 15872k");
        JsonElement listed = Assert.Single((await pair.DoAsync("fleece", "list")).GetProperty("fleeces").EnumerateArray());
        Assert.Equal(512 << 10, listed.GetProperty("heldBytes").GetInt32());
        foreach (string command in new[] { "read 0 4k", "write -P 1 8M 4k" })
        {
            CommandResult denied = await Command.RunAsync(Programs.Require("qemu-io"), ["-f", "raw", "-c", command, Address(fleece)]);
            Assert.Contains("Operation not permitted", denied.ToString(), StringComparison.Ordinal);
        }

        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "read -P 0x51 0 1M", "read -P 0x11 1M 15M");
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task A_kill_leaves_no_fleece_and_no_file_and_takes_no_mark_from_its_bitmap()
    {
        Pair pair = await StartNodesAsync();
        await pair.DoAsync("bitmap", "add", "disk0", "b0", "--persistent");
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x50 1M 64k");
        JsonElement fleece = await OpenAsync(pair, "disk0", "--bitmap", "b0");
        await QemuIo.RunAsync(Uri(pair.Primary, "disk0"), "write -P 0x51 1M 64k", "write -P 0x52 3M 64k");
        await pair.Primary.Process.KillAsync();
        Assert.Single(Directory.GetFiles(StateOf(pair.Primary), "fleece-*"));
        await pair.Primary.StartAsync();
        Assert.Empty(Directory.GetFiles(StateOf(pair.Primary), "fleece-*"));
        Assert.Empty((await pair.DoAsync("fleece", "list")).GetProperty("fleeces").EnumerateArray());
        JsonElement bitmap = Assert.Single((await pair.DoAsync("bitmap", "list", "--node", "primary")).GetProperty("bitmaps").EnumerateArray());
        Assert.Equal((2 * 65536, false), (bitmap.GetProperty("countBytes").GetInt32(), bitmap.GetProperty("busy").GetBoolean()));
        Assert.NotEqual(0, (await Command.RunAsync(Programs.Require("nbdinfo"), [Address(fleece)])).ExitCode);
    }

    [Fact(Timeout = TestTimeoutMs)]
    public async Task It_ends_with_its_lease_and_with_its_node()
    {
        Pair pair = await StartNodesAsync();
        JsonElement brief = await OpenAsync(pair, "disk0", "--lease", "50ms");
        await Eventually.TrueAsync(() => Directory.GetFiles(StateOf(pair.Primary), "fleece-*").Length == 0);
        Assert.NotEqual(0, (await Command.RunAsync(Programs.Require("nbdinfo"), [Address(brief)])).ExitCode);
        JsonElement lasting = await OpenAsync(pair, "disk0", "--lease", "none");
        Assert.Equal(JsonValueKind.Null, lasting.GetProperty("leaseLeftMs").ValueKind);
        await using (NbdClientNode reader = await NbdClient.ConnectAsync(NbdAddress.Parse(Address(lasting)), Name(lasting)))
            Assert.Equal(0, await pair.Primary.Process.TerminateAsync());
        Assert.Empty(Directory.GetFiles(StateOf(pair.Primary), "fleece-*"));
    }

    /// <summary>
    /// As docs/BACKUP.md does it: an image over the fleece takes what is read through it, then lies over the image before it.
    /// </summary>
    private static async Task PullAsync(JsonElement fleece, string image, string backing, string backingFormat)
    {
        await Command.RequireAsync("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", Address(fleece), image);
        List<string> reads = [];
        foreach ((int offset, int length, int type) in await MapAsync(fleece, "qemu:dirty-bitmap:b0"))
        {
            if (type == 1)
                reads.AddRange(["-c", string.Create(CultureInfo.InvariantCulture, $"read {offset} {length}")]);
        }

        string output = await Command.RequireAsync("qemu-io", ["-C", "-f", "qcow2", .. reads, image]);
        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
        await Command.RequireAsync("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", backingFormat, "-b", backing, image);
    }

    private static async Task<List<(int Offset, int Length, int Type)>> MapAsync(JsonElement fleece, string context)
    {
        string output = await Command.RequireAsync("nbdinfo", $"--map={context}", "--json", Address(fleece));
        return [.. JsonDocument.Parse(output).RootElement.EnumerateArray().Select(e => (
            e.GetProperty("offset").GetInt32(), e.GetProperty("length").GetInt32(), e.GetProperty("type").GetInt32()))];
    }

    private static async Task<JsonElement> OpenAsync(Pair pair, params string[] arguments) =>
        Assert.Single((await pair.DoAsync(["fleece", "open", .. arguments])).GetProperty("fleeces").EnumerateArray());

    private static string Address(JsonElement fleece) => fleece.GetProperty("addresses")[0].GetString()!;

    private static string Name(JsonElement fleece) => fleece.GetProperty("name").GetString()!;

    private static string Uri(Node node, string export) => (node.Guest with { ExportName = export }).ToString();

    private static string StateOf(Node node) => Path.Combine(node.DirectoryPath, "state");

    /// <summary>The disk as it is now; nobody writes.</summary>
    private string Reference(Node node, string name = "reference.raw")
    {
        File.WriteAllBytes(_images[name], DiskFile.Read(node.DiskPaths[0]));
        return _images[name];
    }

    private static Task<string> FioAsync(Node node) => Command.RequireAsync(
        "fio",
        "--name=guest", "--ioengine=nbd", $"--uri={Uri(node, "disk0")}", "--iodepth=32", $"--randseed={DeterministicRandom.Create().Next()}", "--thread",
        "--output-format=terse", "--bs=4k", "--rw=randwrite", "--verify=crc32c", "--verify_fatal=1", "--serialize_overlap=1", "--size=16m");
}
