using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

public sealed class NbdExportTableTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private readonly MemoryNode _disk = new(1 << 20);
    private readonly NbdExportTable _table = new();
    private NbdListener _listener = null!;
    private NbdServer _server = null!;

    public ValueTask InitializeAsync()
    {
        _listener = new NbdListener(NbdAddress.Unix(_directory["nbd.sock"]));
        _server = new NbdServer([_listener], _table);
        _server.Start();
        return default;
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task An_export_that_is_added_is_there_for_the_next_client()
    {
        using RawClient client = RawClient.Greeted(_listener.LocalAddress);
        Assert.Equal(OptionReply.ErrUnknown, client.Ask(Option.Info, RawClient.InfoData("a")).Last().Reply);
        _table.Add(new NbdExport("a", _disk));
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Info, RawClient.InfoData("a")).Last().Reply);
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Info, RawClient.InfoData("")).Last().Reply); // The only one.
        _table.Add(new NbdExport("b", _disk));
        Assert.Equal(OptionReply.ErrUnknown, client.Ask(Option.Info, RawClient.InfoData("")).Last().Reply);
        Assert.Equal([OptionReply.Server, OptionReply.Server, OptionReply.Ack], client.Ask(Option.List).Select(reply => reply.Reply));
        await _table.RemoveAsync("a");
        Assert.Equal(OptionReply.ErrUnknown, client.Ask(Option.Go, RawClient.InfoData("a")).Last().Reply);
        Assert.Equal(OptionReply.Ack, client.Ask(Option.Go, RawClient.InfoData("b")).Last().Reply);
    }

    [Fact]
    public void A_name_is_given_once()
    {
        _table.Add(new NbdExport("a", _disk));
        Assert.Contains("'a'", Assert.Throws<NbdExportException>(() => _table.Add(new NbdExport("a", _disk))).Message, StringComparison.Ordinal);
        Assert.Single(_table.List());
    }

    [Fact]
    public void The_number_of_exports_is_bounded()
    {
        for (int i = 0; i < Limits.MaxExports; i++)
            _table.Add(new NbdExport($"{i}", _disk));
        Assert.Throws<NbdExportException>(() => _table.Add(new NbdExport("one more", _disk)));
    }

    [Fact]
    public async Task What_is_not_there_cannot_be_removed() =>
        Assert.Contains("'a'", (await Assert.ThrowsAsync<NbdExportException>(() => _table.RemoveAsync("a"))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task An_export_in_use_stays_where_its_removal_is_safe()
    {
        var export = new NbdExport("a", _disk);
        _table.Add(export);
        using (RawClient client = RawClient.Opened(_listener.LocalAddress, name: "a"))
        {
            string message = (await Assert.ThrowsAsync<NbdExportException>(() => _table.RemoveAsync("a"))).Message;
            Assert.Contains("1 connection", message, StringComparison.Ordinal);
            client.Request(Command.Flush, 1, 0, 0);
            Assert.Equal(NbdError.None, client.ReadSimple(1));
            using RawClient second = RawClient.Opened(_listener.LocalAddress, name: "a");
        }

        await Eventually.TrueAsync(() => export.ConnectionCount == 0);
        await _table.RemoveAsync("a");
        Assert.Empty(_table.List());
    }

    [Fact]
    public async Task A_hard_removal_closes_connections_once_their_requests_have_ended()
    {
        var node = new DeferredNode(_disk);
        _table.Add(new NbdExport("a", node));
        using RawClient client = RawClient.Opened(_listener.LocalAddress, name: "a");
        client.Request(Command.Write, 1, 0, 3, CommandFlags.None, 1, 2, 3);
        await node.WaitForPendingAsync();
        Task removing = _table.RemoveAsync("a", NbdRemoveMode.Hard);
        Assert.False(removing.IsCompleted);
        Assert.Null(_table.Find("a"));
        _table.Add(new NbdExport("a", _disk)); // Its name is free.
        await node.ReleaseAllAsync();
        await removing.WaitAsync(TestTimeouts.Patience);
        client.ReadToEnd(); // The reply may have gone out before the connection was shut down.
        await BlockAssert.ContentAsync(_disk, 0, new byte[] { 1, 2, 3, 0 });
        using RawClient next = RawClient.Opened(_listener.LocalAddress, name: "a");
    }

    [Fact]
    public async Task A_client_that_found_an_export_before_its_removal_is_refused_behind_it()
    {
        var export = new NbdExport("a", _disk);
        var late = new LateCatalog(export);
        using var listener = new NbdListener(NbdAddress.Unix(_directory["late.sock"]));
        await using var server = new NbdServer([listener], late);
        server.Start();
        _table.Add(export);
        using RawClient client = RawClient.Greeted(listener.LocalAddress);
        client.SendOption(Option.Go, RawClient.InfoData("a"));
        await late.Found.WaitAsync(TestTimeouts.Patience); // It has the export, and is not yet its user.
        await _table.RemoveAsync("a");
        late.Proceed.Set();
        Assert.Equal(Magic.OptionReply, client.ReadUInt64());
        Assert.Equal(Option.Go, (Option)client.ReadUInt32());
        Assert.Equal(OptionReply.ErrPolicy, (OptionReply)client.ReadUInt32());
    }

    [Fact]
    public async Task Clearing_takes_every_export_and_every_connection_away()
    {
        _table.Add(new NbdExport("a", _disk));
        _table.Add(new NbdExport("b", _disk));
        using RawClient first = RawClient.Opened(_listener.LocalAddress, name: "a");
        using RawClient second = RawClient.Opened(_listener.LocalAddress, name: "b");
        await _table.ClearAsync("the server is stopped").WaitAsync(TestTimeouts.Patience);
        first.ExpectEnd();
        second.ExpectEnd();
        Assert.Empty(_table.List());
    }

    /// <summary>Holds whoever has found the export.</summary>
    private sealed class LateCatalog(NbdExport export) : INbdExportCatalog
    {
        private readonly TaskCompletionSource _found = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Found => _found.Task;

        public ManualResetEventSlim Proceed { get; } = new();

        public NbdExport? Find(string name)
        {
            _found.TrySetResult();
            Proceed.Wait(TestTimeouts.Patience);
            return export;
        }

        public IReadOnlyList<NbdExport> List() => [export];
    }
}
