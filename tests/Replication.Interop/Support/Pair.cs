using System.Text.Json;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Replication.Interop.Hosts;
using Replication.Nbd;

namespace Replication.Interop.Support;

/// <summary>Two nodes as two processes, with a directory of their own; ended one by one, whatever a test did to them.</summary>
internal sealed class Pair : IAsyncDisposable
{
    private readonly TempDirectory _directory;
    private readonly TempDirectory _overlays;
    private readonly PairOptions _options;
    private bool _disposed;

    private Pair(TempDirectory directory, TempDirectory overlays, Node primary, Node secondary, PairOptions options) =>
        (_directory, _overlays, Primary, Secondary, _options) = (directory, overlays, primary, secondary, options);

    public Node Primary { get; }

    public Node Secondary { get; }

    public string DirectoryPath => _directory.Path;

    /// <summary>Where overlays go that find no room; <see cref="PairOptions.HasSpill"/>.</summary>
    public string SpillPath => _directory["spill"];

    /// <summary>Makes the disks and the configuration files; starts nothing.</summary>
    public static Pair Create(PairOptions options)
    {
        var directory = new TempDirectory();
        var overlays = new TempDirectory(Directory.Exists("/dev/shm") ? "/dev/shm" : null);
        Node primary = CreateNode(Binaries.Primary, directory, "p", options, settings =>
        {
            settings["Peer"] = new JsonObject { ["WaitAtStart"] = options.WaitAtStart };
            settings["Mirror"] = new JsonObject
            {
                ["Acknowledge"] = options.Acknowledge,
                ["Deadline"] = options.Deadline,
                ["Window"] = options.Window,
                ["Resync"] = options.Resync
            };
            SetFaults(settings, options.PrimaryFaults);
        });
        Node secondary = CreateNode(Binaries.Secondary, directory, "s", options, settings =>
        {
            settings["Mirror"] = new JsonObject
            {
                ["Listen"] = new JsonArray(options.Hosts is null ? Nbd(directory, "s", "mirror", options) : $"nbd://{TwoHosts.SecondaryAddress}:0"),
                ["AllowInsecure"] = options.Hosts is not null,
                ["Deadline"] = options.Deadline,
            };
            var overlay = new JsonObject { ["Directory"] = overlays.Path };
            if (options.OverlayLimit is { } limit)
                overlay["Limit"] = limit;
            if (options.HasSpill)
                overlay["Spill"] = directory["spill"];
            settings["Overlay"] = overlay;
            SetFaults(settings, options.SecondaryFaults);
        });
        for (int i = 0; i < options.DiskLengthsBytes.Count; i++)
            (options.Fill ?? Patterned)(i, primary.DiskPaths[i], secondary.DiskPaths[i]);
        return new Pair(directory, overlays, primary, secondary, options);

        void Patterned(int disk, string ofPrimary, string ofSecondary)
        {
            DiskFile.Fill(ofPrimary, options.DiskLengthsBytes[disk], (byte)(0x11 + disk));
            DiskFile.Fill(ofSecondary, options.DiskLengthsBytes[disk], (byte)(0x11 + disk));
        }
    }

    /// <summary>Starts both processes, the secondary first: the primary is told its addresses.</summary>
    public async Task StartNodesAsync()
    {
        await Secondary.StartAsync();
        string control = Secondary.ControlForPeer;
        string mirror = Secondary.Mirror.ToString();
        if (_options.Link is { } link)
        {
            control = $"http://127.0.0.1:{link.LeadTo(new Uri(control).Port)}";
            mirror = $"nbd://127.0.0.1:{link.LeadTo(new Uri(mirror).Port)}";
        }

        Primary.Settings["Peer"]!["Control"] = control;
        Primary.Settings["Peer"]!["Mirror"] = mirror;
        await Primary.StartAsync();
    }

    /// <summary>A verb as a script runs it: <c>--json</c>, both addresses given.</summary>
    public Task<CommandResult> RunAsync(params string[] verb) =>
        Command.RunAsync(
            Binaries.Dotnet, [Binaries.Coloctl, "--primary", Primary.Control, "--secondary", Secondary.Control, "--json", .. verb],
            timeout: TimeSpan.FromMinutes(2));

    /// <summary>A verb whose controller the caller has in hand, to kill it.</summary>
    public RunningProcess BeginVerb(params string[] verb) =>
        RunningProcess.Start(Binaries.Dotnet, [Binaries.Coloctl, "--primary", Primary.Control, "--secondary", Secondary.Control, "--json", .. verb]);

    /// <summary>A verb that must succeed; its JSON document.</summary>
    public async Task<JsonElement> DoAsync(params string[] verb) => (await RunAsync(verb)).Ended(0).Json;

    /// <summary>One node's part of <c>status</c>.</summary>
    public async Task<JsonElement> StatusAsync(string side) => (await DoAsync("status")).GetProperty(side);

    public async Task<string> StageAsync(string side) => (await StatusAsync(side)).GetProperty("stage").GetString()!;

    /// <summary>
    /// Brings a pair back that has come apart, once nothing stands in its way. What its nodes, or a controller
    /// that was killed, still have under way may refuse the verb for a while.
    /// </summary>
    /// <returns>False where it has come back without a start, and so without a checkpoint.</returns>
    public async Task<bool> ReplicateAgainAsync()
    {
        long until = Environment.TickCount64 + 60_000;
        while (true)
        {
            CommandResult start = await RunAsync("start");
            if (start.ExitCode == 0)
                return true;
            if (await StageOfAsync(Primary) == NodeStage.Replicating)
                return false;
            Assert.True(Environment.TickCount64 < until, $"the pair does not come back\n{start}");
            await Task.Delay(100);
        }
    }

    /// <summary>A checkpoint, as soon as the nodes take one: the lease of an attempt that a killed controller left behind may still run.</summary>
    public async Task CheckpointAgainAsync()
    {
        long until = Environment.TickCount64 + 30_000;
        while (true)
        {
            CommandResult checkpoint = await RunAsync("checkpoint");
            if (checkpoint.ExitCode == 0)
                return;
            Assert.True(Environment.TickCount64 < until, $"no checkpoint can be taken any more\n{checkpoint}");
            await Task.Delay(100);
        }
    }

    /// <summary>Waits until the verb, which copies, has copied so much.</summary>
    public async Task CopyingAsync(long doneBytes, Task verb)
    {
        long until = Environment.TickCount64 + 30_000;
        while (true)
        {
            NodeStatus status = (await Primary.Service.GetStatusAsync(new GetStatusRequest())).Status;
            if (status.Stage is NodeStage.Syncing or NodeStage.Resyncing && status.Progress is { } progress && progress.DoneBytes >= doneBytes)
                return;
            Assert.False(verb.IsCompleted, "the copying was too fast for this test");
            Assert.True(Environment.TickCount64 < until, $"the copying does not get on: {status}");
            await Task.Delay(10);
        }
    }

    /// <summary>One node's stage, asked without a process of its own: for what must be seen soon.</summary>
    public static async Task<NodeStage> StageOfAsync(Node node) => (await node.Service.GetStatusAsync(new GetStatusRequest())).Status.Stage;

    /// <summary>Waits until a node has come to a stage by itself, without a process for every question.</summary>
    public static async Task BecomesAsync(Node node, NodeStage stage)
    {
        long until = Environment.TickCount64 + 30_000;
        for (NodeStage now = await StageOfAsync(node); now != stage; now = await StageOfAsync(node))
        {
            Assert.True(Environment.TickCount64 < until, $"the node does not come to {stage}, it is {now}");
            await Task.Delay(10);
        }
    }

    /// <summary>The events of one node, of one type if it is given; the other node is not asked.</summary>
    public async Task<IReadOnlyList<JsonElement>> EventsAsync(string side, string? type = null)
    {
        string url = side == "primary" ? Primary.Control : Secondary.Control;
        CommandResult events = await Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, $"--{side}", url, "--json", "events"]);
        return [.. events.Ended(0).JsonLines.Where(e => type is null || e.GetProperty("type").GetString() == type)];
    }

    /// <summary>Both sides' raw files are the same, by our own comparison and by qemu-img's where it is there.</summary>
    public async Task DisksAreEqualAsync()
    {
        for (int i = 0; i < Primary.DiskPaths.Count; i++)
        {
            DiskFile.Equal(Primary.DiskPaths[i], Secondary.DiskPaths[i]);
            // -U: the nodes hold the image locks.
            await Command.RequireAsync("qemu-img", "compare", "-U", "-f", "raw", "-F", "raw", Primary.DiskPaths[i], Secondary.DiskPaths[i]);
        }
    }

    public string Logs() => $"== primary ==\n{Primary.Log}\n== secondary ==\n{Secondary.Log}";

    /// <summary>A test of many rounds may end a pair early; its logs stay.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        await Primary.DisposeAsync();
        await Secondary.DisposeAsync();
        if (_options.Link is not null)
            await _options.Link.DisposeAsync();
        if (_options.Hosts is not null)
            await _options.Hosts.DisposeAsync();
        _directory.Dispose();
        _overlays.Dispose();
    }

    private static Node CreateNode(string binary, TempDirectory directory, string side, PairOptions options, Action<JsonObject> complete)
    {
        Directory.CreateDirectory(directory[side]);
        var settings = new JsonObject
        {
            ["Group"] = "vm1",
            ["StateDirectory"] = "state",
            ["Durability"] = options.Durability,
            ["Control"] = new JsonObject { ["Listen"] = Controls(directory, side, options), ["AllowInsecure"] = options.Hosts is not null },
            ["Guest"] = new JsonObject { ["Listen"] = new JsonArray(Nbd(directory, side, "guest", options)) },
            ["Disks"] = new JsonArray(
                [.. options.DiskLengthsBytes.Select((_, i) => (JsonNode)new JsonObject { ["Name"] = $"disk{i}", ["Path"] = $"disk{i}.raw" })]),
        };
        complete(settings);
        string? host = side == "p" ? options.Hosts?.Primary : options.Hosts?.Secondary;
        return new Node(binary, directory[side], settings) { NetworkNamespace = host };
    }

    private static JsonArray Controls(TempDirectory directory, string side, PairOptions options)
    {
        string local = $"unix:{directory[side]}/control.sock";
        if (options.Hosts is not null)
            return [$"http://{(side == "p" ? TwoHosts.PrimaryAddress : TwoHosts.SecondaryAddress)}:0", local];
        return [options.Unix ? local : "http://127.0.0.1:0"];
    }

    private static void SetFaults(JsonObject settings, IReadOnlyList<string> rules)
    {
        if (rules.Count > 0)
            settings["Faults"] = new JsonArray([.. rules.Select(rule => (JsonNode)rule)]);
    }

    private static string Nbd(TempDirectory directory, string side, string name, PairOptions options) =>
        options.Unix || options.Hosts is not null ? NbdAddress.Unix($"{directory[side]}/{name}.sock").ToString() : "nbd://127.0.0.1:0";
}
