using System.Text.Json;
using Replication.Controller.Drill;
using Replication.Controller.Drill.Report;
using Replication.Controller.Output;

namespace Replication.Controller.Tests.Drill;

/// <summary>The drill on a pair in memory: it passes on a right one, and finds each way of being wrong.</summary>
public sealed class DrillTests
{
    private const long SizeBytes = (16 << 20) + 512;

    [Theory]
    [InlineData("primary-dies")]
    [InlineData("checkpoint-storm")]
    public async Task A_right_pair_passes(string scenario)
    {
        DrillReport report = await RunAsync(scenario, Fault.None);
        Assert.Null(report.Failure);
        Assert.Equal((DrillReport.Passed, null), (report.Verdict, report.Directory));
        Assert.All(report.Phases, p => Assert.Equal(DrillReport.Passed, p.Result));
        Assert.True(report.Checkpoints.Taken > 0);
        Assert.All(report.Guests, g => Assert.True(g.WrittenBytes > 0));
        Assert.Equal(scenario == "primary-dies" ? 0 : null, report.RpoBytes);
        Assert.Equal(scenario == "primary-dies", report.RtoMs > 0);
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
        Assert.Equal((2, DrillReport.Passed), (pairs, report.Verdict));
        Assert.Equal(["primary-dies", "checkpoint-storm"], report.Phases.Select(p => p.Scenario).Distinct());
    }

    private static Task<DrillReport> RunAsync(string scenario, Fault fault, Action? onPair = null) => Controller.Drill.Drill.RunAsync(
        scenario,
        new DrillOptions(2, SizeBytes, TimeSpan.FromSeconds(scenario == "primary-dies" ? 1 : 1.5), 7),
        () =>
        {
            onPair?.Invoke();
            return new MemoryPair(fault);
        },
        _ => { },
        () => "/kept",
        TestContext.Current.CancellationToken);
}
