using System.Text.Json;
using Replication.Block.State;
using Replication.Control.Hosting;
using Replication.Control.Tests.Options;
using Replication.Roles;
using Replication.Testing;

namespace Replication.Control.Tests.Hosting;

/// <summary>A host in this process: a directory with a configuration and a disk, a fake node, and what was printed.</summary>
internal sealed class HostRun : IDisposable
{
    private readonly TaskCompletionSource _shutdown = new();
    private readonly FirstLine _output = new();
    private readonly StringWriter _error = new();
    private Task<int>? _exit;

    public HostRun(params (string Path, string? Json)[] keys)
    {
        Directory.CreateFile("disk0.raw", 1 << 20);
        Keys = [
            ("StateDirectory", "\"state\""), ("Control:Listen", "[\"http://127.0.0.1:0\"]"), ("Guest:Listen", "[\"nbd://127.0.0.1:0\"]"),
            ("Mirror", null), ("Peer", null), .. keys];
    }

    public TempDirectory Directory { get; } = new();

    public (string Path, string? Json)[] Keys { get; }

    public NodeRole Role { get; init; } = NodeRole.Primary;

    public FakeHostedNode? Node { get; private set; }

    /// <summary>Replaces the fake node's opening.</summary>
    public Func<NodeOptions, NodeServices, FakeHostedNode> Open { get; init; } = (options, services) => new FakeHostedNode(options, services);

    /// <summary>The real node, in place of a fake one.</summary>
    public bool OpensGroupNode { get; init; }

    public string Error => _error.ToString();

    public string Output => _output.ToString();

    public string[] Entries => [.. System.IO.Directory.GetFileSystemEntries(Directory.Path, "*", SearchOption.AllDirectories).Order()];

    public string WriteConfiguration()
    {
        string file = Directory["vm1.json"];
        File.WriteAllText(file, Keys.Aggregate(Samples.Primary, (json, key) => Samples.With(json, key.Path, key.Json)));
        return file;
    }

    public Task<int> Run()
    {
        string file = WriteConfiguration();
        return _exit = NodeHost.RunAsync(Role, ["--config", file], new HostSurroundings
        {
            Output = _output,
            Error = _error,
            Environment = [],
            ShutdownRequested = _shutdown.Task,
            OpenNode = (options, services) => OpensGroupNode
                ? HostedGroupNode.OpenAsync(options, services)
                : Task.FromResult<IHostedNode>(Node = Open(options, services)),
        });
    }

    /// <summary>Starts the host and returns its ready line.</summary>
    public async Task<JsonElement> StartAsync()
    {
        Task<int> exit = Run();
        await Task.WhenAny(_output.Line, exit).WaitAsync(TestTimeouts.Patience);
        Assert.False(exit.IsCompleted, Error);
        return JsonDocument.Parse(await _output.Line).RootElement;
    }

    public async Task<int> StopAsync()
    {
        _shutdown.TrySetResult();
        return await _exit!.WaitAsync(TestTimeouts.Patience);
    }

    /// <summary>Runs a host that must be refused: its line, after a check that nothing was changed on disk.</summary>
    public async Task<string> RefusalAsync()
    {
        WriteConfiguration();
        string[] before = Entries;
        Assert.Equal(2, await Run().WaitAsync(TestTimeouts.Patience));
        Assert.Equal("", Output);
        Assert.Equal(before, Entries);
        string line = Assert.Single(Error.TrimEnd('\n').Split('\n'));
        string program = Role == NodeRole.Primary ? "replication-primary: " : "replication-secondary: ";
        Assert.StartsWith(program, line, StringComparison.Ordinal);
        return line[program.Length..].Replace(Directory.Path, "DIR", StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _shutdown.TrySetResult();
        _exit?.Wait(TestTimeouts.Patience);
        Directory.Dispose();
    }

    private sealed class FirstLine : StringWriter
    {
        private readonly TaskCompletionSource<string> _line = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> Line => _line.Task;

        public override void Flush() => _line.TrySetResult(ToString());

        public override Task FlushAsync()
        {
            Flush();
            return Task.CompletedTask;
        }
    }
}
