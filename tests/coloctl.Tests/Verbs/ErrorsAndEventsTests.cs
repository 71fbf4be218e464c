using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Verbs;

public sealed class ErrorsAndEventsTests : IAsyncLifetime
{
    private FakePairNodes _pair = null!;

    public async ValueTask InitializeAsync() => _pair = await FakePairNodes.StartAsync();

    public ValueTask DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Errors_of_both_nodes_are_listed()
    {
        _pair.Primary.ErrorList.Add(ErrorOf(2, 2));
        _pair.Secondary.ErrorList.Add(ErrorOf(5, 4));
        Run run = await _pair.RunAsync("errors", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement errors = run.Json.GetProperty("errors");
        Assert.Equal(["primary", "secondary"], errors.EnumerateArray().Select(e => e.GetProperty("node").GetString()));
        JsonElement first = errors[0];
        Assert.Equal(
            (2, 2, "disk1", 4096, 512, 5, 7, "look"),
            (first.GetProperty("seq").GetInt32(), first.GetProperty("case").GetInt32(), first.GetProperty("disk").GetString(),
             first.GetProperty("offsetBytes").GetInt64(),
                first.GetProperty("lengthBytes").GetInt64(), first.GetProperty("errno").GetInt32(), first.GetProperty("epoch").GetInt64(),
                first.GetProperty("advice").GetString()));
    }

    [Fact]
    public async Task What_is_settled_is_listed_and_said_to_be()
    {
        _pair.Primary.ErrorList.AddRange([ErrorOf(1, 4), ErrorOf(2, 4)]);
        _pair.Primary.ErrorList[1].Settled = true;
        Run run = await _pair.RunAsync("errors", "--json");
        Assert.Equal([false, true], run.Json.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("settled").GetBoolean()));
    }

    [Fact]
    public async Task An_acknowledged_error_is_gone()
    {
        _pair.Primary.ErrorList.AddRange([ErrorOf(1, 2), ErrorOf(2, 2)]);
        Run run = await _pair.RunAsync("errors", "--acknowledge", "2", "--json");
        Assert.Equal((0, 1, 1), (run.ExitCode, run.Json.GetProperty("errors").GetArrayLength(), run.Json.GetProperty("acknowledged").GetInt32()));
        Run again = await _pair.RunAsync("errors", "--acknowledge", "2", "--json");
        Assert.Equal(1, again.ExitCode);
        Run all = await _pair.RunAsync("errors", "--acknowledge", "all", "--json");
        Assert.Equal((0, 0), (all.ExitCode, all.Json.GetProperty("errors").GetArrayLength()));
    }

    [Theory]
    [InlineData("neither node has an unacknowledged error 7", true)]
    [InlineData("has no unacknowledged error 7", false)]
    public async Task An_error_that_is_not_there_is_said_so_in_one_line(string message, bool both)
    {
        _pair.Primary.ErrorList.Add(ErrorOf(1, 2));
        string[] nodes = both ? ["--secondary", _pair.SecondaryNode.Address] : [];
        Run run = await Run.OfAsync(["--primary", _pair.PrimaryNode.Address, .. nodes, "errors", "--acknowledge", "7"]);
        run.AssertFailed(1, message);
    }

    [Fact]
    public async Task A_dead_node_does_not_hide_the_others_errors()
    {
        _pair.Secondary.ErrorList.Add(ErrorOf(1, 3));
        Run run = await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "errors", "--json");
        Assert.Equal((3, 1), (run.ExitCode, run.Json.GetProperty("errors").GetArrayLength()));
        Assert.Contains("127.0.0.1:1", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_says_that_there_are_no_errors_where_a_node_did_not_answer()
    {
        (await Run.OfAsync("--primary", "http://127.0.0.1:1", "--secondary", _pair.SecondaryNode.Address, "errors")).AssertFailed(3, "127.0.0.1:1");
        Assert.Equal("No errors", (await _pair.RunAsync("errors")).Out.TrimEnd());
    }

    [Fact]
    public async Task An_error_without_a_range_shows_none()
    {
        _pair.Primary.ErrorList.Add(ErrorOf(2, 2));
        Assert.Contains("4096+512", (await _pair.RunAsync("errors")).Out, StringComparison.Ordinal);
        (_pair.Primary.ErrorList[0].OffsetBytes, _pair.Primary.ErrorList[0].LengthBytes) = (0, 0);
        Assert.DoesNotContain("0+0", (await _pair.RunAsync("errors")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_for_people_ends_with_its_message_and_leaves_the_advice_to_errors()
    {
        _pair.Primary.EventList.Add(new Event
        {
            Seq = 1,
            Type = "error",
            Text = { ["advice"] = "Look at it.", ["disk"] = "", ["message"] = "no answer", ["reason"] = "silent" },
            Numbers = { ["case"] = 2 },
            Flags = { ["force"] = false },
        });
        Run run = await _pair.RunAsync("events");
        Assert.EndsWith("  error  case=2 force=false reason=silent message=no answer", run.Out.TrimEnd(), StringComparison.Ordinal);
        JsonElement json = JsonDocument.Parse((await _pair.RunAsync("events", "--json")).Out).RootElement;
        Assert.Equal(("Look at it.", ""), (json.GetProperty("advice").GetString(), json.GetProperty("disk").GetString()));
    }

    [Fact]
    public async Task Events_of_both_nodes_come_by_time_one_object_a_line()
    {
        _pair.Primary.EventList.AddRange([EventOf(1, 1_000, "started"), EventOf(2, 3_000, "checkpoint")]);
        _pair.Secondary.EventList.Add(EventOf(9, 2_000, "checkpoint"));
        Run run = await _pair.RunAsync("events", "--json");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement[] lines = [.. run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(
            [("primary", 1), ("secondary", 9), ("primary", 2)], lines.Select(l => (l.GetProperty("node").GetString(), l.GetProperty("seq").GetInt32())));
        Assert.Equal("1970-01-01T00:00:01.000Z", lines[0].GetProperty("time").GetString());
        Assert.Equal("silence", lines[0].GetProperty("cause").GetString());
        Assert.Equal(1L << 40, lines[0].GetProperty("syncedBytes").GetInt64());
    }

    [Fact]
    public async Task From_is_inclusive_and_applies_to_each_node()
    {
        _pair.Primary.EventList.AddRange([EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")]);
        _pair.Secondary.EventList.AddRange([EventOf(1, 3, "started"), EventOf(2, 4, "checkpoint"), EventOf(3, 5, "checkpoint")]);
        Run run = await _pair.RunAsync("events", "--from", "2");
        Assert.Equal(3, run.Out.Count(c => c == '\n'));
    }

    [Fact]
    public async Task Followed_events_go_on_until_the_user_ends_them()
    {
        _pair.Primary.EventList.AddRange([EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")]);
        using var end = new CancellationTokenSource();
        Task<Run> running = Run.OfAsync(new Dictionary<string, string>(), end.Token, "--primary", _pair.PrimaryNode.Address, "events", "--follow", "--json");
        await Replication.Testing.Eventually.TrueAsync(() => _pair.Primary.Calls.Count(c => c == "WatchEvents") == 2);
        await end.CancelAsync();
        Run run = await running;
        Assert.Equal((0, 2, ""), (run.ExitCode, run.Out.Count(c => c == '\n'), run.Error));
    }

    [Fact]
    public async Task A_followed_node_whose_numbers_begin_again_is_followed_from_the_first()
    {
        _pair.Primary.EventList = [EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")];
        Run run = await FollowThroughRestartAsync([EventOf(1, 3, "started")]);
        Assert.Equal(["1", "2", "1"], NumbersOf(run));
        Assert.Matches("^coloctl: primary .* counts its events from 1 again", run.Error);
        Assert.Equal(1, run.Error.Count(c => c == '\n'));
    }

    [Fact]
    public async Task A_followed_node_that_has_lost_its_newest_events_in_a_reboot_is_followed_on()
    {
        _pair.Primary.EventList = [EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")];
        Run run = await FollowThroughRestartAsync([EventOf(1, 1, "started")]);
        Assert.Equal("", run.Error);
        Assert.Equal(["1", "2"], NumbersOf(run));
    }

    [Fact]
    public async Task So_is_one_that_has_passed_the_last_number_already()
    {
        _pair.Primary.EventList = [EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")];
        Run run = await FollowThroughRestartAsync([EventOf(1, 3, "started"), EventOf(2, 4, "checkpoint"), EventOf(3, 5, "checkpoint")]);
        Assert.Equal(["1", "2", "1", "2", "3"], NumbersOf(run));
    }

    [Fact]
    public async Task One_whose_numbers_go_on_is_followed_from_where_it_stopped()
    {
        _pair.Primary.EventList = [EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")];
        Run run = await FollowThroughRestartAsync([EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint"), EventOf(3, 5, "started")]);
        Assert.Equal("", run.Error);
        Assert.Equal(["1", "2", "3"], NumbersOf(run));
    }

    [Fact]
    public async Task One_that_has_lost_its_last_events_has_not_begun_again()
    {
        _pair.Primary.EventList = [EventOf(1, 1, "started"), EventOf(2, 2, "checkpoint")];
        Run run = await FollowThroughRestartAsync([EventOf(1, 1, "started"), EventOf(900, 5, "events-lost"), EventOf(901, 5, "started")]);
        Assert.Equal("", run.Error);
        Assert.Equal(["1", "2", "900", "901"], NumbersOf(run));
    }

    /// <summary>Follows the primary; its streams end once, and afterwards it has these events.</summary>
    private async Task<Run> FollowThroughRestartAsync(List<Event> afterwards)
    {
        using var end = new CancellationTokenSource();
        Task<Run> running = Run.OfAsync(new Dictionary<string, string>(), end.Token, "--primary", _pair.PrimaryNode.Address, "events", "--follow", "--json");
        // The backlog, and what follows it.
        await Replication.Testing.Eventually.TrueAsync(() => _pair.Primary.Calls.Count(c => c == "WatchEvents") == 2);
        _pair.Primary.EventList = afterwards;
        _pair.Primary.ReleaseHung();
        // Twice around: the question whether it is still the same stream, and the stream.
        await Replication.Testing.Eventually.TrueAsync(() => _pair.Primary.Calls.Count(c => c == "WatchEvents") >= 6);
        await end.CancelAsync();
        return await running;
    }

    private static string[] NumbersOf(Run run) =>
        [.. run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("seq").GetRawText())];

    private static ReplicationError ErrorOf(ulong seq, uint @case) => new()
    {
        Seq = seq,
        Case = @case,
        Disk = "disk1",
        OffsetBytes = 4096,
        LengthBytes = 512,
        Errno = 5,
        Epoch = 7,
        Message = "m",
        Advice = "look",
        TimeUnixMs = 1,
    };

    private static Event EventOf(ulong seq, long time, string type) => new()
    {
        Seq = seq,
        TimeUnixMs = time,
        Type = type,
        Text = { ["cause"] = "silence", ["node"] = "hides nothing" },
        Numbers = { ["syncedBytes"] = 1L << 40 },
    };
}
