using System.Text.Json;
using System.Text.Json.Nodes;
using Colo.Protocol.V1;
using Replication.Interop.Links;
using Replication.Nbd;

namespace Replication.Interop.Support;

/// <summary>Two nodes as two processes, with a directory of their own; ended one by one, whatever a test did to them.</summary>
internal sealed class Pair : IAsyncDisposable
{
    private readonly TempDirectory _directory;
    private readonly TempDirectory _overlays;
    private readonly Link? _link;
    private bool _disposed;

    private Pair(TempDirectory directory, TempDirectory overlays, Node primary, Node secondary, Link? link) =>
        (_directory, _overlays, Primary, Secondary, _link) = (directory, overlays, primary, secondary, link);

    public Node Primary { get; }

    public Node Secondary { get; }

    public string DirectoryPath => _directory.Path;

    /// <summary>Makes the disks and the configuration files; starts nothing.</summary>
    public static Pair Create(PairOptions options)
    {
        var directory = new TempDirectory();
        var overlays = new TempDirectory(Directory.Exists("/dev/shm") ? "/dev/shm" : null);
        Node primary = CreateNode(Binaries.Primary, directory, "p", options, settings =>
        {
            settings["Peer"] = new JsonObject { ["WaitAtStart"] = options.WaitAtStart };
            settings["Mirror"] = new JsonObject { ["Acknowledge"] = options.Acknowledge, ["Deadline"] = options.Deadline, ["Window"] = options.Window, ["Resync"] = options.Resync };
            SetFaults(settings, options.PrimaryFaults);
        });
        Node secondary = CreateNode(Binaries.Secondary, directory, "s", options, settings =>
        {
            settings["Mirror"] = new JsonObject { ["Listen"] = new JsonArray(Nbd(directory, "s", "mirror", options)), ["Deadline"] = options.Deadline };
            settings["Overlay"] = new JsonObject { ["Directory"] = overlays.Path };
            SetFaults(settings, options.SecondaryFaults);
        });
        for (int i = 0; i < options.DiskLengthsBytes.Count; i++)
            (options.Fill ?? Patterned)(i, primary.DiskPaths[i], secondary.DiskPaths[i]);
        return new Pair(directory, overlays, primary, secondary, options.Link);

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
        Primary.Settings["Peer"]!["Control"] = _link is null ? Secondary.Control : $"http://127.0.0.1:{_link.LeadTo(new Uri(Secondary.Control).Port)}";
        Primary.Settings["Peer"]!["Mirror"] = _link is null ? Secondary.Mirror.ToString() : $"nbd://127.0.0.1:{_link.LeadTo(new Uri(Secondary.Mirror.ToString()).Port)}";
        await Primary.StartAsync();
    }

    /// <summary>A verb as a script runs it: <c>--json</c>, both addresses given.</summary>
    public Task<CommandResult> RunAsync(params string[] verb) =>
        Command.RunAsync(Binaries.Dotnet, [Binaries.Coloctl, "--primary", Primary.Control, "--secondary", Secondary.Control, "--json", .. verb], timeout: TimeSpan.FromMinutes(2));

    /// <summary>A verb that must succeed; its JSON document.</summary>
    public async Task<JsonElement> DoAsync(params string[] verb) => (await RunAsync(verb)).Ended(0).Json;

    /// <summary>One node's part of <c>status</c>.</summary>
    public async Task<JsonElement> StatusAsync(string side) => (await DoAsync("status")).GetProperty(side);

    public async Task<string> StageAsync(string side) => (await StatusAsync(side)).GetProperty("stage").GetString()!;

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

    /// <summary>Waits until a node has come to a stage by itself.</summary>
    public async Task StageBecomesAsync(string side, params string[] stages)
    {
        long until = Environment.TickCount64 + 30_000;
        JsonElement status = await StatusAsync(side);
        while (!stages.Contains(status.GetProperty("stage").GetString()))
        {
            Assert.True(Environment.TickCount64 < until, $"the {side} does not come to {string.Join(" or ", stages)}: {status}");
            await Task.Delay(50);
            status = await StatusAsync(side);
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
        if (_link is not null)
            await _link.DisposeAsync();
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
            ["Control"] = new JsonObject { ["Listen"] = new JsonArray(options.Unix ? $"unix:{directory[side]}/control.sock" : "http://127.0.0.1:0") },
            ["Guest"] = new JsonObject { ["Listen"] = new JsonArray(Nbd(directory, side, "guest", options)) },
            ["Disks"] = new JsonArray([.. options.DiskLengthsBytes.Select((_, i) => (JsonNode)new JsonObject { ["Name"] = $"disk{i}", ["Path"] = $"disk{i}.raw" })]),
        };
        complete(settings);
        return new Node(binary, directory[side], settings);
    }

    private static void SetFaults(JsonObject settings, IReadOnlyList<string> rules)
    {
        if (rules.Count > 0)
            settings["Faults"] = new JsonArray([.. rules.Select(rule => (JsonNode)rule)]);
    }

    private static string Nbd(TempDirectory directory, string side, string name, PairOptions options) =>
        options.Unix ? NbdAddress.Unix($"{directory[side]}/{name}.sock").ToString() : "nbd://127.0.0.1:0";
}
