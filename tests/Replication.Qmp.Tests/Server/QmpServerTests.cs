using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Replication.Testing;

namespace Replication.Qmp.Tests.Server;

public class QmpServerTests
{
    private const string Greeting =
        """{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}, "package": "replication 0.1.0"}, "capabilities": []}}""";

    [Fact]
    public async Task A_client_is_greeted_before_it_says_anything()
    {
        await using var world = new QmpWorld();
        using QmpTestClient client = await QmpTestClient.ConnectAsync(world.SocketPath);
        Assert.Equal(Greeting, await client.ReadLineAsync());
    }

    [Fact]
    public async Task A_command_may_arrive_byte_by_byte()
    {
        await using var world = new QmpWorld();
        using QmpTestClient client = await world.ConnectAsync();
        foreach (byte next in Encoding.UTF8.GetBytes("{'execute': 'qmp_capabilities', 'id': 'é'}"))
            await client.SendAsync([next]);
        Assert.Equal("""{"return": {}, "id": "\u00E9"}""", await client.ReadLineAsync());
    }

    [Fact]
    public async Task Several_commands_may_arrive_at_once_and_are_answered_in_their_order()
    {
        await using var world = new QmpWorld();
        using QmpTestClient client = await world.ConnectAsync();
        await client.SendAsync(
            "{'execute':'qmp_capabilities','id':0}{'execute':'query-version','id':1}{]{'execute':'no-such','id':2}\n{'execute':'query-commands','id':3}");
        Assert.Equal(0, (int?)(await client.ReadAsync())["id"]);
        Assert.Equal(1, (int?)(await client.ReadAsync())["id"]);
        Assert.Null((await client.ReadAsync())["id"]);
        Assert.Equal(2, (int?)(await client.ReadAsync())["id"]);
        Assert.Equal(3, (int?)(await client.ReadAsync())["id"]);
    }

    [Fact]
    public async Task A_client_that_has_said_all_and_reads_on_gets_all_answers()
    {
        await using var world = new QmpWorld();
        using QmpTestClient client = await world.ConnectAsync();
        await client.SendAsync("{'execute':'qmp_capabilities'}{'execute':'query-version','id':1}");
        client.FinishSending();
        Assert.Equal("""{"return": {}}""", await client.ReadLineAsync());
        Assert.Equal(1, (int?)(await client.ReadAsync())["id"]);
        Assert.Null(await client.ReadLineAsync());
    }

    [Fact]
    public async Task A_clients_next_command_waits_for_its_last_and_another_client_does_not()
    {
        var release = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var world = new QmpWorld(commands => commands.Handle("query-jobs", (_, _) => release.Task));
        using QmpTestClient waiting = await world.NegotiateAsync();
        await waiting.SendAsync("{'execute': 'query-jobs', 'id': 1} {'execute': 'query-version', 'id': 2}");
        using QmpTestClient other = await world.NegotiateAsync();
        Assert.NotNull((await other.AskAsync("{'execute': 'query-version'}"))["return"]);

        release.SetResult(null);
        Assert.Equal("""{"return": {}, "id": 1}""", await waiting.ReadLineAsync());
        Assert.Equal(2, (int?)(await waiting.ReadAsync())["id"]);
    }

    [Fact]
    public async Task A_handler_that_breaks_is_an_error_for_the_client_and_a_line_in_the_log()
    {
        await using var world = new QmpWorld(commands => commands.Handle("query-jobs", (_, _) => throw new InvalidOperationException("a mistake")));
        using QmpTestClient client = await world.NegotiateAsync();
        JsonObject answer = await client.AskAsync("{'execute': 'query-jobs'}");
        Assert.Equal("GenericError", (string?)answer["error"]!["class"]);
        Assert.Contains("a mistake", (string?)answer["error"]!["desc"], StringComparison.Ordinal);
        Assert.Equal("query-jobs", Assert.Single(world.Broken).Command);
        Assert.NotNull((await client.AskAsync("{'execute': 'query-version'}"))["return"]);
    }

    [Fact]
    public async Task A_client_that_asks_and_does_not_read_holds_up_itself()
    {
        int asked = 0;
        await using var world = new QmpWorld(commands => commands.Handle("query-jobs", (_, _) =>
        {
            Interlocked.Increment(ref asked);
            return Task.FromResult<JsonNode?>(JsonValue.Create(new string('x', 512 << 10)));
        }));
        using QmpTestClient client = await world.NegotiateAsync();
        await client.SendAsync(string.Concat(Enumerable.Repeat("{'execute': 'query-jobs'}", 100)));
        await Eventually.TrueAsync(() => Volatile.Read(ref asked) > 0);
        for (int i = 1; i <= 100; i++)
        {
            Assert.Equal((512 << 10) + 14, (await client.ReadLineAsync())!.Length);
            // Sent, on the way and at the socket: far from the hundred.
            Assert.InRange(Volatile.Read(ref asked), i, i + 2);
        }
    }

    [Fact]
    public async Task Quit_is_answered_and_told_before_the_node_learns_of_it()
    {
        await using var world = new QmpWorld();
        using QmpTestClient client = await world.NegotiateAsync();
        Assert.Equal("""{"return": {}, "id": 9}""", await AskLineAsync(client, "{'execute': 'quit', 'id': 9}"));
        await world.Quit.Task.WaitAsync(TestTimeouts.Patience);
        JsonObject shutdown = await client.ReadAsync();
        Assert.Equal("SHUTDOWN", (string?)shutdown["event"]);
        Assert.Equal("host-qmp-quit", (string?)shutdown["data"]!["reason"]);
    }

    [Fact]
    public async Task The_end_of_the_door_cancels_commands_and_sends_what_is_written()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var world = new QmpWorld(commands => commands.Handle("query-jobs", async (_, stopping) =>
        {
            begun.SetResult();
            await Task.Delay(Timeout.Infinite, stopping);
            return null;
        }));
        using QmpTestClient busy = await world.NegotiateAsync();
        using QmpTestClient idle = await world.NegotiateAsync();
        await busy.SendAsync("{'execute': 'query-jobs'}");
        await begun.Task.WaitAsync(TestTimeouts.Patience);
        world.Server.Publish(QmpEvent.Shutdown("host-signal"));
        await world.Server.DisposeAsync().AsTask().WaitAsync(TestTimeouts.Patience);

        foreach (QmpTestClient client in new[] { busy, idle })
        {
            Assert.Equal("SHUTDOWN", (string?)(await client.ReadAsync())["event"]);
            Assert.Null(await client.ReadLineAsync());
        }

        Assert.Equal(["the node ends", "the node ends"], world.Gone.Select(gone => gone.Reason));
    }

    [Fact]
    public async Task The_end_of_the_door_waits_for_a_client_that_takes_nothing_no_longer_than_the_grace()
    {
        await using var world = new QmpWorld(commands => commands.Handle(
            "query-jobs", (_, _) => Task.FromResult<JsonNode?>(JsonValue.Create(new string('x', 8 << 20)))));
        using QmpTestClient deaf = await world.NegotiateAsync();
        await deaf.SendAsync("{'execute': 'query-jobs'}");
        await deaf.ReadSomeAsync();
        Task closing = world.Server.DisposeAsync().AsTask();
        while (!closing.IsCompleted)
        {
            world.Time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(closing, Task.Delay(5));
        }

        await closing;
        Assert.Equal("the node ends", Assert.Single(world.Gone).Reason);
    }

    [Fact]
    public async Task A_client_too_many_is_turned_away_and_a_place_that_is_left_is_free_again()
    {
        await using var world = new QmpWorld();
        List<QmpTestClient> clients = [];
        for (int i = 0; i < 32; i++)
            clients.Add(await world.ConnectAsync());
        using (QmpTestClient extra = await QmpTestClient.ConnectAsync(world.SocketPath))
            Assert.Null(await extra.ReadLineAsync());
        Assert.Equal((33, "32 clients are connected already", true), Assert.Single(world.Gone));

        clients[0].Dispose();
        await Eventually.TrueAsync(() => world.Gone.Any(gone => gone.Client == 1));
        clients.Add(await world.ConnectAsync());
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Clients_that_come_and_go_at_any_byte_leave_the_door_open()
    {
        await using var world = new QmpWorld();
        byte[] script = Encoding.UTF8.GetBytes("{'execute': 'qmp_capabilities'}{'execute': 'query-version'}{'execute'");
        for (int length = 0; length <= script.Length; length += 3)
        {
            using QmpTestClient client = await QmpTestClient.ConnectAsync(world.SocketPath);
            await client.SendAsync(script[..length]);
        }

        int ended = (script.Length / 3) + 1;
        await Eventually.TrueAsync(() => world.Gone.Count >= ended);
        using QmpTestClient last = await world.NegotiateAsync();
        Assert.NotNull((await last.AskAsync("{'execute': 'query-version'}"))["return"]);
    }

    [Fact]
    public async Task The_socket_is_its_owners_alone()
    {
        await using var world = new QmpWorld();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(world.SocketPath));
    }

    [Fact]
    public void The_socket_of_a_killed_predecessor_is_replaced()
    {
        using var directory = new TempDirectory();
        string path = directory["qmp.sock"];
        using (var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            killed.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, directory["kept"]); // Closing would remove it; a kill does not.
        }

        File.Move(directory["kept"], path);
        QmpListener.Open(path).Dispose();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_living_door_and_a_foreign_file_are_not_replaced()
    {
        await using var world = new QmpWorld();
        IOException living = Assert.Throws<IOException>(() => QmpListener.Open(world.SocketPath));
        Assert.Equal($"QMP cannot listen on unix:{world.SocketPath}: another process listens on it", living.Message);
        using var directory = new TempDirectory();
        string file = directory.CreateFile("f", 1);
        Assert.Throws<IOException>(() => QmpListener.Open(file));
        Assert.Equal(1, new FileInfo(file).Length);
    }

    private static async Task<string?> AskLineAsync(QmpTestClient client, string text)
    {
        await client.SendAsync(text);
        return await client.ReadLineAsync();
    }
}
