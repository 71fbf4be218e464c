using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Control.Journal;
using Replication.Roles;
using Replication.Testing;

namespace Replication.Control.Tests.Services;

public sealed class JournalServiceTests
{
    [Fact]
    public async Task Events_arrive_as_they_happen_with_every_kind_of_field()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        using var call = host.Verbs.WatchEvents(new WatchEventsRequest { From = 7, Follow = true });
        await call.ResponseHeadersAsync; // open before anything happens
        host.Journal.Events.Writer.TryWrite(new JournalEvent(7, 70, "checkpoint", [("epoch", 5L), ("cause", "because"), ("forced", true)]));
        Assert.True(await call.ResponseStream.MoveNext());
        Event received = call.ResponseStream.Current.Event;
        Assert.Equal((7UL, 70L, "checkpoint"), (received.Seq, received.TimeUnixMs, received.Type));
        Assert.Equal(5, received.Numbers["epoch"]);
        Assert.Equal("because", received.Text["cause"]);
        Assert.True(received.Flags["forced"]);
        Assert.Equal((7UL, true), host.Journal.Asked);

        host.Journal.Events.Writer.TryWrite(new JournalEvent(8, 80, "fenced", []));
        Assert.True(await call.ResponseStream.MoveNext());
        Assert.Equal(8UL, call.ResponseStream.Current.Event.Seq);
        host.Journal.Events.Writer.Complete();
        Assert.False(await call.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task A_follower_that_leaves_ends_its_reading()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        var call = host.Verbs.WatchEvents(new WatchEventsRequest { Follow = true });
        await call.ResponseHeadersAsync;
        call.Dispose();
        await host.Journal.ReaderGone.Task.WaitAsync(TestTimeouts.Patience);
    }

    [Fact]
    public async Task A_stopping_host_ends_its_followers()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        using var call = host.Verbs.WatchEvents(new WatchEventsRequest { Follow = true });
        await call.ResponseHeadersAsync;
        await host.App.StopAsync();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext())).StatusCode);
    }

    [Fact]
    public async Task Errors_are_listed_until_they_are_acknowledged()
    {
        await using ServiceHost host = await ServiceHost.StartAsync();
        host.Journal.Errors.Add(
            new RecordedError(3, 30, new FailureReport(FailureCase.UndoCopy, "disk0", 4096, 512, 28, 6, "the undo copy failed"), 1, "make room"));
        host.Journal.Errors.Add(new RecordedError(5, 50, new FailureReport(FailureCase.Commit, "disk1", 0, 1, 5, 6, "the commit failed"), 4, "try again"));
        host.Journal.Errors.Add(
            new RecordedError(6, 60, new FailureReport(FailureCase.SecondaryDisk, "disk1", 0, 1, 0, 6, "they differ") { Settled = "repaired" }, 3, "look"));

        GetErrorsResponse response = await host.Verbs.GetErrorsAsync(new GetErrorsRequest());
        Assert.Equal(
            new ReplicationError
            {
                Seq = 3,
                Case = 3,
                Disk = "disk0",
                OffsetBytes = 4096,
                LengthBytes = 512,
                Errno = 28,
                Epoch = 6,
                Message = "the undo copy failed",
                Advice = "make room",
                TimeUnixMs = 30,
            },
            response.Errors[0]);
        Assert.Equal("the commit failed (4 times)", response.Errors[1].Message);
        Assert.Equal(("they differ (3 times); repaired", true), (response.Errors[2].Message, response.Errors[2].Settled));

        Assert.Equal(1u, (await host.Verbs.AcknowledgeErrorsAsync(new AcknowledgeErrorsRequest { Seq = 5 })).Acknowledged);
        Assert.Equal(0u, (await host.Verbs.AcknowledgeErrorsAsync(new AcknowledgeErrorsRequest { Seq = 5 })).Acknowledged);
        Assert.Equal(2u, (await host.Verbs.AcknowledgeErrorsAsync(new AcknowledgeErrorsRequest())).Acknowledged);
        Assert.Empty((await host.Verbs.GetErrorsAsync(new GetErrorsRequest())).Errors);
    }
}
