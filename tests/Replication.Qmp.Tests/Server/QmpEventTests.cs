using System.Text.Json.Nodes;
using Replication.Testing;

namespace Replication.Qmp.Tests.Server;

public class QmpEventTests
{
    [Fact]
    public async Task An_event_reaches_every_client_that_has_negotiated_with_its_moment()
    {
        await using var world = new QmpWorld();
        using QmpTestClient early = await world.ConnectAsync();
        using QmpTestClient first = await world.NegotiateAsync();
        using QmpTestClient second = await world.NegotiateAsync();
        world.Time.Advance(TimeSpan.FromMicroseconds(1_500_007));
        world.Server.Publish(QmpEvent.JobStatusChange("j", "running"));

        const string expected =
            """{"timestamp": {"seconds": 1893456001, "microseconds": 500007}, "event": "JOB_STATUS_CHANGE", "data": {"id": "j", "status": "running"}}""";
        Assert.Equal(expected, await first.ReadLineAsync());
        Assert.Equal(expected, await second.ReadLineAsync());
        Assert.Equal("""{"return": {}}""", (await early.AskAsync("{'execute': 'qmp_capabilities'}")).ToJsonString().Replace(":", ": ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_command_publishes_comes_before_its_answer()
    {
        QmpWorld world = null!;
        world = new QmpWorld(commands => commands.Handle("job-pause", (arguments, _) =>
        {
            world.Server.Publish(QmpEvent.JobStatusChange(arguments.GetString("id"), "paused"));
            return Task.FromResult<JsonNode?>(null);
        }));
        await using QmpWorld _ = world;
        using QmpTestClient client = await world.NegotiateAsync();
        Assert.Equal("JOB_STATUS_CHANGE", (string?)(await client.AskAsync("{'execute': 'job-pause', 'arguments': {'id': 'j'}, 'id': 7}"))["event"]);
        Assert.Equal("""{"return": {}, "id": 7}""", await client.ReadLineAsync());
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_events_is_closed_and_holds_up_nobody()
    {
        await using var world = new QmpWorld();
        using QmpTestClient deaf = await world.NegotiateAsync();
        using QmpTestClient reader = await world.NegotiateAsync();
        string padding = new('x', 1000);
        int published = 0;
        // The reader is never far behind: what it has not read is less than any limit.
        for (int round = 0; round < 400 && world.Gone.IsEmpty; round++)
        {
            for (int i = 0; i < 100; i++)
                world.Server.Publish(QmpEvent.JobStatusChange($"{published++}", padding));
            for (int i = published - 100; i < published; i++)
                Assert.Equal($"{i}", (string?)(await reader.ReadAsync())["data"]!["id"]);
        }

        await Eventually.TrueAsync(() => !world.Gone.IsEmpty);
        (long client, string reason, bool isFault) = Assert.Single(world.Gone);
        Assert.Equal(1, client);
        Assert.Equal("more than 2 MiB of events wait for it, and it does not read them", reason);
        Assert.True(isFault);
        Assert.NotNull((await reader.AskAsync("{'execute': 'query-version'}"))["return"]);
    }

    [Fact]
    public async Task Clients_that_come_while_events_happen_miss_none_after_their_negotiation_and_get_none_before()
    {
        await using var world = new QmpWorld();
        bool isOver = false;
        Task publishing = Task.Run(async () =>
        {
            for (int i = 0; !Volatile.Read(ref isOver); i++)
            {
                world.Server.Publish(QmpEvent.JobStatusChange($"{i}", "running"));
                // Not faster than any client reads.
                if (i % 10 == 0)
                    await Task.Delay(1);
            }
        });
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int round = 0; round < 10; round++)
            {
                using QmpTestClient client = await world.NegotiateAsync();
                int first = await ReadNumberAsync(client);
                for (int i = 1; i < 20; i++)
                    Assert.Equal(first + i, await ReadNumberAsync(client));
            }
        })));
        Volatile.Write(ref isOver, true);
        await publishing;
        Assert.DoesNotContain(world.Gone, gone => gone.IsFault);
    }

    private static async Task<int> ReadNumberAsync(QmpTestClient client) =>
        int.Parse((string)(await client.ReadAsync())["data"]!["id"]!, System.Globalization.CultureInfo.InvariantCulture);
}
