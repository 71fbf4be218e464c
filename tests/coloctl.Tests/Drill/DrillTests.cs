using System.Text.Json;
using Replication.Controller.Drill;
using Replication.Controller.Drill.Report;
using Replication.Controller.Output;

namespace Replication.Controller.Tests.Drill;

/// <summary>The drill on a pair in memory: it passes on a right one, and finds each way of being wrong.</summary>
public sealed class DrillTests
{
    private const long SizeBytes = (16 << 20) + 512;

    // A right pair may be as slow as the machine is; a guest that waits for the end of an outage is found out by an outage that is longer than what is allowed.
    private static readonly OutageTimes s_patient = new(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(0.3));
    private static readonly OutageTimes s_strict = new(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(1.5));

    [Theory]
    [InlineData("primary-dies")]
    [InlineData("checkpoint-storm")]
    [InlineData("secondary-dies")]
    [InlineData("secondary-hangs")]
    [InlineData("link-cut")]
    [InlineData("old-primary-returns")]
    public async Task A_right_pair_passes(string scenario)
    {
        DrillReport report = await RunAsync(scenario, Fault.None);
        Assert.Null(report.Failure);
        Assert.Equal((DrillReport.Passed, null), (report.Verdict, report.Directory));
        Assert.All(report.Phases, p => Assert.Equal(DrillReport.Passed, p.Result));
        Assert.True(report.Checkpoints.Taken > 0);
        Assert.All(report.Guests, g => Assert.True(g.WrittenBytes > 0));
        bool takesOver = scenario is "primary-dies" or "old-primary-returns";
        Assert.Equal(takesOver ? 0 : null, report.RpoBytes);
        Assert.Equal(takesOver, report.RtoMs > 0);
        Assert.Equal(scenario is "secondary-dies" or "secondary-hangs" or "link-cut", (report.LongestWriteMs, report.SyncedBytes) is ( > 0, > 0));
    }

    [Theory]
    [InlineData("primary-dies", Fault.WrongByteInTheViewAtFailover, "disk1 at byte 16777727")]
    [InlineData("primary-dies", Fault.SecondaryWriteLostByFailover, "expected 0x")]
    [InlineData("primary-dies", Fault.UncommittedPrimaryWriteInTheView, "expected 0x")]
    [InlineData("primary-dies", Fault.CommitLeavesAWrongByteOnDisk, "secondary's disk itself is wrong: disk0 at byte 8388864")]
    [InlineData("primary-dies", Fault.PrimaryDiskLacksAnAcknowledgedWrite, "primary's disk itself is wrong: disk0 at byte 8388864")]
    [InlineData("primary-dies", Fault.CommitFails, "failed on purpose")]
    [InlineData("primary-dies", Fault.GuestSeesAnError, "the secondary guest: memory: Write")]
    [InlineData("primary-dies", Fault.CheckpointsAreRefused, "3 checkpoints in a row failed")]
    [InlineData("checkpoint-storm", Fault.CheckpointLosesAPrimaryWrite, "expected 0x")]
    [InlineData("checkpoint-storm", Fault.CheckpointKeepsASecondaryWrite, "expected 0x")]
    [InlineData("checkpoint-storm", Fault.SecondaryDiskDiffersFromThePrimarys, "secondary's disk itself is wrong: disk0 at byte 8388864")]
    [InlineData("checkpoint-storm", Fault.DisksCutAtDifferentMoments, "no single instant")]
    [InlineData("checkpoint-storm", Fault.ReadsMixTwoEpochs, "expected 0x")]
    [InlineData("secondary-dies", Fault.ViewLosesAWriteInARestart, "secondary's export is wrong: disk0 at byte 16777727")]
    [InlineData("secondary-dies", Fault.ResyncCarriesMoreThanIsMarked, "were marked")]
    [InlineData("secondary-dies", Fault.ResyncLeavesAWrongByte, "secondary's disk itself is wrong: disk0 at byte 8388864")]
    [InlineData("secondary-hangs", Fault.GuestWaitsForTheOutagesEnd, "a write of the primary's guest took")]
    [InlineData("secondary-hangs", Fault.OneOutageIsTwoDetachments, "1 outages have raised 2 mirror-detached events")]
    [InlineData("secondary-hangs", Fault.ResyncLeavesAWrongByte, "secondary's disk itself is wrong: disk0 at byte 8388864")]
    [InlineData("link-cut", Fault.GuestWaitsForTheOutagesEnd, "a write of the primary's guest took")]
    [InlineData("link-cut", Fault.SecondaryPromotesItself, "a false failover")]
    [InlineData("old-primary-returns", Fault.OldPrimaryAcknowledgesAgain, "writes that were sent after the promotion")]
    [InlineData("old-primary-returns", Fault.OldPrimaryAcknowledgesAfterARestart, "split brain")]
    [InlineData("old-primary-returns", Fault.OldPrimaryWritesWhatItRefuses, "primary's disk itself is wrong")]
    [InlineData("old-primary-returns", Fault.WrongByteInTheViewAtFailover, "disk1 at byte 16777727")]
    public async Task A_wrong_pair_is_found_out(string scenario, Fault fault, string message)
    {
        DrillReport report = await RunAsync(scenario, fault);
        Assert.Equal(DrillReport.Failed, report.Verdict);
        Assert.Contains(message, report.Failure, StringComparison.Ordinal);
        Assert.Equal("/kept", report.Directory);
        Assert.Equal(DrillReport.Failed, report.Phases[^1].Result);
        if (fault is Fault.WrongByteInTheViewAtFailover)
            Assert.Equal(1, report.RpoBytes);
    }

    [Fact]
    public async Task The_report_has_the_contracts_fields_and_is_xml_too()
    {
        DrillReport report = await RunAsync("primary-dies", Fault.WrongByteInTheViewAtFailover);
        JsonElement json = JsonDocument.Parse(JsonText.Of(report)).RootElement;
        Assert.Equal("failed", json.GetProperty("verdict").GetString());
        Assert.Equal("primary-dies", json.GetProperty("scenario").GetString());
        Assert.Equal(7, json.GetProperty("seed").GetInt64());
        Assert.Equal(1, json.GetProperty("rpoBytes").GetInt64());
        Assert.True(json.GetProperty("rtoMs").GetDouble() > 0);
        Assert.Equal("start", json.GetProperty("phases")[0].GetProperty("name").GetString());

        var suite = JUnitXml.Of(report).Root!.Element("testsuite")!;
        Assert.Equal("1", suite.Attribute("failures")!.Value);
        Assert.Equal(report.Phases.Count, suite.Elements("testcase").Count());
        Assert.Contains("disk1 at byte", suite.Elements("testcase").Last().Element("failure")!.Attribute("message")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_runs_every_scenario_on_a_pair_of_its_own()
    {
        int pairs = 0;
        DrillReport report = await RunAsync("all", Fault.None, () => pairs++);
        Assert.Null(report.Failure);
        Assert.Equal((6, DrillReport.Passed), (pairs, report.Verdict));
        Assert.Equal(
            ["primary-dies", "checkpoint-storm", "secondary-dies", "secondary-hangs", "link-cut", "old-primary-returns"],
            report.Phases.Select(p => p.Scenario).Distinct());
    }

    private static Task<DrillReport> RunAsync(string scenario, Fault fault, Action? onPair = null) => Controller.Drill.Drill.RunAsync(
        scenario,
        new DrillOptions(
            2, SizeBytes, TimeSpan.FromSeconds(scenario == "primary-dies" ? 1 : 1.5),
            7)
        { Outage = fault == Fault.GuestWaitsForTheOutagesEnd ? s_strict : s_patient },
        _ =>
        {
            onPair?.Invoke();
            return new MemoryPair(fault);
        },
        _ => { },
        () => "/kept",
        TestContext.Current.CancellationToken);
}
