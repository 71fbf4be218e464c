using System.Text;
using Replication.Control.Journal;
using Replication.Roles;

namespace Replication.Control.Tests.Journal;

public sealed class EventLogTests
{
    [Fact]
    public async Task Events_come_back_with_their_numbers_and_fields()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        journal.Publish(EventTypes.Checkpoint, ("epoch", 7UL), ("cause", "say \"why\"\n"), ("first", true), ("id", Guid.Empty), ("count", 3));
        JournalEvent item = Assert.Single(await JournalDirectory.Follow(journal.Events, 1, 1));
        Assert.Equal(1UL, item.Seq);
        Assert.Equal("checkpoint", item.Type);
        Assert.Equal(
            [("epoch", 7L), ("cause", "say \"why\"\n"), ("first", true), ("id", "00000000000000000000000000000000"), ("count", 3L)], item.Fields);
        Assert.InRange(item.TimeUnixMs, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() - 60_000, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
    }

    [Fact]
    public async Task Numbers_go_on_after_a_restart()
    {
        using var directory = new JournalDirectory();
        for (int i = 0; i < 3; i++)
        {
            using NodeJournal journal = directory.Open();
            journal.Publish("a");
            journal.Publish("b");
        }

        using NodeJournal last = directory.Open();
        Assert.Equal([1UL, 2, 3, 4, 5, 6], (await JournalDirectory.Read(last.Events)).Select(e => e.Seq));
        Assert.Single(directory.Segments);
    }

    [Theory]
    [InlineData("{\"seq\":3,\"ti")]
    [InlineData("{")]
    [InlineData("{\"seq\":3,\"time\":1,\"type\":\"c\",\"fields\":{}}")]
    public async Task A_torn_last_line_was_never_seen_and_its_number_is_used_again(string torn)
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            journal.Publish("a");
            journal.Publish("b");
        }

        File.AppendAllText(directory.Segments[0], torn);
        using (NodeJournal journal = directory.Open())
            journal.Publish("c");
        using NodeJournal last = directory.Open();
        Assert.Equal([(1UL, "a"), (2UL, "b"), (3UL, "c")], (await JournalDirectory.Read(last.Events)).Select(e => (e.Seq, e.Type)));
    }

    [Fact]
    public async Task Every_prefix_of_a_log_opens_and_goes_on()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            journal.Publish("a", ("n", 1));
            journal.Publish("b", ("n", 2));
        }

        byte[] whole = File.ReadAllBytes(directory.Segments[0]);
        for (int length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(SegmentFile.Of(directory.Journal, 1).Path, whole[..length]);
            using (NodeJournal journal = directory.Open())
                journal.Publish("z");
            using NodeJournal again = directory.Open();
            List<JournalEvent> events = await JournalDirectory.Read(again.Events);
            ulong kept = (ulong)whole[..length].Count(b => b == '\n');
            kept = kept == 0 ? 0 : kept - 1; // The first line is the header.
            Assert.Equal(kept + 1, events[^1].Seq);
            Assert.Equal("z", events[^1].Type);
            Assert.Equal(events.Select(e => e.Seq).Order(), events.Select(e => e.Seq));
            again.Dispose();
            foreach (string segment in directory.Segments)
                File.Delete(segment);
        }
    }

    [Fact]
    public async Task Damage_inside_and_a_reboot_skip_numbers_that_somebody_may_have_seen()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
            journal.Publish("a");
        File.AppendAllText(directory.Segments[0], "\0\0\0\0\n");
        using (NodeJournal journal = directory.Open())
            journal.Publish("b");
        using (NodeJournal journal = directory.Open("boot-2"))
            journal.Publish("c");
        using NodeJournal last = directory.Open("boot-2");
        List<JournalEvent> events = await JournalDirectory.Read(last.Events);
        Assert.Equal(["a", "events-lost", "b", "events-lost", "c"], events.Select(e => e.Type));
        ulong b = 2 + Limits.EventNumbersSkipped;
        ulong c = b + 1 + Limits.EventNumbersSkipped;
        Assert.Equal([1UL, b - 1, b, c - 1, c], events.Select(e => e.Seq));
        Assert.Equal([("from", 2L), ("to", (long)b - 1)], events[1].Fields);
    }

    [Fact]
    public async Task The_oldest_segments_go_and_what_is_missing_is_said_once()
    {
        using var directory = new JournalDirectory();
        const int total = (3 * Limits.EventsPerSegment) + 10;
        using NodeJournal journal = directory.Open();
        for (int i = 1; i <= total; i++)
        {
            journal.Publish("tick", ("i", i));
            if (i % 1000 == 0)
                await JournalDirectory.Follow(journal.Events, (ulong)i, 1); // The queue is bounded.
        }

        await JournalDirectory.Follow(journal.Events, total, 1);
        List<JournalEvent> kept = await JournalDirectory.Read(journal.Events);
        Assert.InRange(kept.Count, Limits.EventsKept, Limits.EventsKept + Limits.EventsPerSegment + 1);
        Assert.Equal("tick", kept[0].Type); // From 0: the oldest kept, nothing is said about what was before.
        Assert.Equal(Enumerable.Range((int)kept[0].Seq, kept.Count).Select(i => (ulong)i), kept.Select(e => e.Seq));
        List<JournalEvent> from2 = await JournalDirectory.Read(journal.Events, 2);
        Assert.Equal("events-lost", from2[0].Type);
        Assert.Equal([("from", 2L), ("to", (long)kept[0].Seq - 1)], from2[0].Fields);
        Assert.Equal(kept[0].Seq - 1, from2[0].Seq);
        Assert.Equal(kept.Select(e => e.Seq), from2.Skip(1).Select(e => e.Seq));
        Assert.Equal([(ulong)total], (await JournalDirectory.Read(journal.Events, total)).Select(e => e.Seq));
        Assert.Empty(await JournalDirectory.Read(journal.Events, total + 1));
    }

    [Fact]
    public async Task Followers_from_any_number_see_every_event_across_segments_and_restarts()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            Task<List<JournalEvent>>[] followers = [.. new ulong[] { 0, 1, 17, 5_000, 5_001, 5_999 }
                .Select(from => JournalDirectory.Follow(journal.Events, from, 6_000 - (int)Math.Max(from, 1) + 1))];
            for (int i = 1; i <= 6_000; i++)
            {
                journal.Publish("tick");
                if (i % 500 == 0)
                    await JournalDirectory.Follow(journal.Events, (ulong)i, 1);
            }

            foreach (Task<List<JournalEvent>> follower in followers)
            {
                List<JournalEvent> seen = await follower;
                Assert.Equal(Enumerable.Range(6_001 - seen.Count, seen.Count).Select(i => (ulong)i), seen.Select(e => e.Seq));
            }
        }

        using NodeJournal next = directory.Open();
        Assert.Equal(2, directory.Segments.Length);
        Task<List<JournalEvent>> resumed = JournalDirectory.Follow(next.Events, 5_990, 12);
        next.Publish("tock");
        Assert.Equal("tock", (await resumed)[^1].Type);
    }

    [Fact]
    public async Task A_reader_that_stands_still_loses_nothing_that_it_has_open_and_holds_nobody_up()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        journal.Publish("first");
        await using IAsyncEnumerator<JournalEvent> reader = journal.Events.ReadAsync(1, follow: false, CancellationToken.None).GetAsyncEnumerator();
        await JournalDirectory.Follow(journal.Events, 1, 1);
        Assert.True(await reader.MoveNextAsync());
        for (int i = 2; i <= 4 * Limits.EventsPerSegment; i++)
        {
            journal.Publish("tick");
            if (i % 1000 == 0)
                await JournalDirectory.Follow(journal.Events, (ulong)i, 1);
        }

        var rest = new List<JournalEvent>();
        while (await reader.MoveNextAsync())
            rest.Add(reader.Current);
        JournalEvent lost = Assert.Single(rest, e => e.Type == "events-lost");
        Assert.Equal((ulong)Limits.EventsPerSegment, rest[rest.IndexOf(lost) - 1].Seq); // Its own segment's last.
        Assert.Equal(4UL * Limits.EventsPerSegment, rest[^1].Seq);
    }

    [Fact]
    public async Task The_end_of_the_journal_ends_its_followers_after_the_last_event()
    {
        using var directory = new JournalDirectory();
        NodeJournal journal = directory.Open();
        var seen = new List<string>();
        Task follower = Task.Run(async () =>
        {
            await foreach (JournalEvent item in journal.Events.ReadAsync(0, follow: true, CancellationToken.None))
                seen.Add(item.Type);
        });
        journal.Publish("started");
        journal.Publish("stopped");
        journal.Dispose();
        await follower.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(["started", "stopped"], seen);
    }

    [Fact]
    public async Task What_the_queue_cannot_take_is_counted_as_lost()
    {
        using var directory = new JournalDirectory();
        Directory.CreateDirectory(directory.Journal);
        using EventLog log = EventLog.Open(directory.Journal, "boot", TimeProvider.System); // No thread: nothing is written yet.
        for (int i = 0; i < Limits.EventQueue + 100; i++)
            log.Publish("tick");
        Assert.Null(log.WriteQueued(out _));
        log.Publish("after");
        Assert.Null(log.WriteQueued(out _));
        List<JournalEvent> tail = await JournalDirectory.Read(log, Limits.EventQueue);
        Assert.Equal(["tick", "events-lost", "after"], tail.Select(e => e.Type));
        Assert.Equal([("from", Limits.EventQueue + 1L), ("to", Limits.EventQueue + 100L)], tail[1].Fields);
        Assert.Equal(Limits.EventQueue + 101UL, tail[2].Seq);
    }

    [Fact]
    public async Task Writing_is_tried_again_and_nothing_is_lost_meanwhile()
    {
        using var directory = new JournalDirectory();
        Directory.CreateDirectory(directory.Journal);
        using EventLog log = EventLog.Open(directory.Journal, "boot", TimeProvider.System);
        string obstacle = SegmentFile.Of(directory.Journal, 1).Path;
        Directory.CreateDirectory(obstacle); // Nobody, root neither, can open a directory for writing.
        log.Publish("a");
        Assert.NotNull(log.WriteQueued(out string? trouble));
        Assert.StartsWith($"events cannot be written to {directory.Journal}: ", trouble, StringComparison.Ordinal);
        log.Publish("b");
        Assert.NotNull(log.WriteQueued(out _));
        Assert.Empty(await JournalDirectory.Read(log));
        Directory.Delete(obstacle);
        Assert.Null(log.WriteQueued(out _));
        Assert.Null(log.WriteQueued(out _));
        Assert.Equal(["a", "b"], (await JournalDirectory.Read(log)).Select(e => e.Type));
    }

    [Fact]
    public async Task A_huge_event_loses_its_fields_and_not_its_number()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        journal.Publish("huge", ("text", new string('"', 100_000)));
        journal.Publish("next");
        List<JournalEvent> events = await JournalDirectory.Follow(journal.Events, 1, 2);
        Assert.Equal([("truncated", true)], events[0].Fields);
        Assert.Equal("next", events[1].Type);
    }

    [Fact]
    public void Another_format_is_refused_by_its_number()
    {
        using var directory = new JournalDirectory();
        Directory.CreateDirectory(directory.Journal);
        File.WriteAllBytes(SegmentFile.Of(directory.Journal, 1).Path, Encoding.UTF8.GetBytes("{\"format\":2,\"boot\":\"x\"}\n"));
        string message = Assert.Throws<JournalException>(() => directory.Open()).Message;
        Assert.EndsWith("has format 2; this version reads format 1", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_journals_never_share_a_directory()
    {
        using var directory = new JournalDirectory();
        using (directory.Open())
            Assert.Equal($"state directory {directory.Path} is in use by another process", Assert.Throws<JournalException>(() => directory.Open()).Message);
        directory.Open().Dispose();
    }
}
