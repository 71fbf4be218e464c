using Replication.Block;
using Replication.Control.Journal;
using Replication.Roles;

namespace Replication.Control.Tests.Journal;

public sealed class ErrorListTests
{
    [Fact]
    public async Task An_error_stays_until_it_is_acknowledged_across_restarts_too()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            journal.Publish("started");
            journal.Report(Failure(FailureCase.PrimaryDisk, "disk0", 3));
            journal.Report(Failure(FailureCase.Forwarding, "disk1", 3));
        }

        using (NodeJournal journal = directory.Open())
        {
            Assert.Equal([2UL, 3UL], journal.Errors.List().Select(e => e.Seq));
            Assert.Equal(Failure(FailureCase.PrimaryDisk, "disk0", 3), journal.Errors.List()[0].Failure);
            Assert.Equal("case 1 on disk0 at 4096+512 in epoch 3: no answer", journal.OldestError);
            Assert.Equal(1, journal.Errors.Acknowledge(2));
            Assert.Equal(0, journal.Errors.Acknowledge(2));
        }

        using NodeJournal last = directory.Open();
        Assert.Equal([3UL], last.Errors.List().Select(e => e.Seq));
        Assert.Equal(1, last.Errors.Acknowledge(0));
        Assert.Null(last.OldestError);
        Assert.Equal(["started", "error", "error"], (await JournalDirectory.Read(last.Events)).Select(e => e.Type));
    }

    [Fact]
    public void An_error_of_no_disk_and_no_range_names_none()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        journal.Report(Failure(FailureCase.Forwarding, "", 3) with { OffsetBytes = 0, LengthBytes = 0 });
        Assert.Equal("case 2 in epoch 3: no answer", journal.OldestError);
    }

    [Fact]
    public void An_acknowledgement_is_saved_before_it_is_answered()
    {
        using var directory = new JournalDirectory();
        string path = Path.Combine(directory.Path, "errors.json");
        ErrorList list = ErrorList.Open(path, TimeProvider.System); // No thread: as if killed right after.
        list.Record(Failure(FailureCase.Commit, "d", 1), _ => 9);
        Assert.Null(list.Save(out _));
        Assert.Equal(1, list.Acknowledge(9));
        Assert.Empty(ErrorList.Open(path, TimeProvider.System).List());
    }

    [Fact]
    public async Task Repetitions_in_one_epoch_are_counted_and_tell_no_second_event()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            for (int i = 0; i < 1000; i++)
                journal.Report(Failure(FailureCase.ActiveDisk, "disk0", 3) with { OffsetBytes = i * 512 });
            journal.Report(Failure(FailureCase.ActiveDisk, "disk0", 4));
        }

        using NodeJournal last = directory.Open();
        Assert.Equal([(1UL, 1000L, 0L), (2UL, 1L, 4096L)], last.Errors.List().Select(e => (e.Seq, e.Count, e.Failure.OffsetBytes)));
        Assert.Equal(2, (await JournalDirectory.Read(last.Events)).Count);
        Assert.Equal("case 5 on disk0 at 0+512 in epoch 3: no answer (1000 times)", last.OldestError);
    }

    [Fact]
    public void After_an_acknowledgement_the_same_failure_is_listed_anew()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        journal.Report(Failure(FailureCase.Commit, "disk0", 3));
        journal.Errors.Acknowledge(0);
        journal.Report(Failure(FailureCase.Commit, "disk0", 3));
        Assert.Equal([2UL], journal.Errors.List().Select(e => e.Seq));
    }

    [Fact]
    public void Differences_that_are_settled_stay_listed_and_say_so_across_restarts_too()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            journal.Report(Difference("disk0", 3));
            journal.Report(Failure(FailureCase.SecondaryDisk, "disk0", 4));
            journal.Report(Difference("disk1", 4));
            journal.SettleDifferences("disk0", "repaired by a later verify");
        }

        using NodeJournal last = directory.Open();
        IReadOnlyList<RecordedError> errors = last.Errors.List();
        Assert.Equal(["they differ; repaired by a later verify", "no answer", "they differ"], errors.Select(e => e.Failure.Text));
        Assert.StartsWith("The disks are equal again", errors[0].Advice, StringComparison.Ordinal);
        Assert.Contains("`coloctl checkpoint`", errors[0].Advice, StringComparison.Ordinal);
        Assert.Equal("case 4 on disk0 at 4096+512 in epoch 4: no answer", last.OldestError);
        last.Errors.Acknowledge(2);
        last.Errors.Acknowledge(3);
        Assert.Equal("case 4 on disk0 at 4096+512 in epoch 3: they differ; repaired by a later verify", last.OldestError);
        Assert.Equal(1, last.Errors.Acknowledge(1));
        Assert.Null(last.OldestError);
    }

    [Fact]
    public async Task What_differs_after_a_repair_is_listed_beside_what_was_repaired()
    {
        using var directory = new JournalDirectory();
        using (NodeJournal journal = directory.Open())
        {
            journal.Report(Difference("disk0", 3) with { Settled = "all repaired" });
            journal.Report(Difference("disk0", 3));
            journal.Report(Difference("disk0", 3) with { Settled = "all repaired" });
            journal.Report(Difference("disk0", 3));
            Assert.Equal([("they differ; all repaired", 2L), ("they differ", 2L)], journal.Errors.List().Select(e => (e.Failure.Text, e.Count)));
            // It was found twice, not repaired twice.
            Assert.Equal("they differ (2 times); all repaired", journal.Errors.List()[0].Failure.TextOf(2));
        }

        using NodeJournal last = directory.Open();
        Assert.Equal(
            ["they differ; all repaired", "they differ"],
            (await JournalDirectory.Read(last.Events)).Select(e => e.Fields.Single(field => field.Name == "message").Value));
    }

    [Fact]
    public void The_list_is_bounded()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        for (ulong epoch = 0; epoch < Limits.ErrorsListed + 50; epoch++)
            journal.Report(Failure(FailureCase.Forwarding, "disk0", epoch));
        IReadOnlyList<RecordedError> errors = journal.Errors.List();
        Assert.Equal(Limits.ErrorsListed, errors.Count);
        Assert.Equal(51, errors[^1].Count);
    }

    [Fact]
    public void What_is_settled_gives_way_to_an_open_failure_where_the_list_is_full()
    {
        using var directory = new JournalDirectory();
        using NodeJournal journal = directory.Open();
        for (ulong epoch = 0; epoch < Limits.ErrorsListed; epoch++)
            journal.Report(Failure(FailureCase.SecondaryDisk, "disk0", epoch) with { Errno = 0, Settled = "all repaired" });
        journal.Report(Failure(FailureCase.PrimaryDisk, "disk0", Limits.ErrorsListed));
        Assert.Equal(Limits.ErrorsListed, journal.Errors.List().Count);
        Assert.Equal(FailureCase.PrimaryDisk, journal.Errors.List()[^1].Failure.Case);
        Assert.StartsWith("case 1 on disk0", journal.OldestError, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_case_has_advice_and_no_room_says_so()
    {
        Assert.All(Enum.GetValues<FailureCase>(), c => Assert.NotEmpty(Advice.For(c)));
        Assert.StartsWith("There was no room left", Advice.For(Failure(FailureCase.UndoCopy, "d", 1) with { Errno = Errno.ENOSPC }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"Format\":9,\"Errors\":[]}", "has format 9; this version reads format 1")]
    [InlineData("{\"Form", "is damaged: ")]
    public void A_file_that_cannot_be_read_is_refused(string text, string says)
    {
        using var directory = new JournalDirectory();
        directory.Open().Dispose();
        File.WriteAllText(Path.Combine(directory.Journal, "errors.json"), text);
        Assert.Contains(says, Assert.Throws<JournalException>(() => directory.Open()).Message, StringComparison.Ordinal);
    }

    private static FailureReport Difference(string disk, ulong epoch) =>
        Failure(FailureCase.SecondaryDisk, disk, epoch) with { Errno = 0, Message = "they differ" };

    private static FailureReport Failure(FailureCase failureCase, string disk, ulong epoch) => new(failureCase, disk, 4096, 512, Errno.EIO, epoch, "no answer");
}
