using Replication.Benchmarks.Contestants;
using Replication.Benchmarks.Report;

namespace Replication.Benchmarks.Tiny;

/// <summary>The benchmarks themselves, so small that they only show that they work: no figure is looked at, for a busy machine may have any.</summary>
public sealed class BenchRunTests
{
    private static readonly BenchOptions s_tiny = new() { Rounds = 1, Seconds = 0.05, DiskBytes = 8 << 20, WithQemu = false };

    [Fact]
    public async Task Every_row_is_measured_with_our_pair_and_both_disks_are_equal_afterwards()
    {
        var output = new StringWriter();
        IReadOnlyList<TableResult> results = await new BenchRun(s_tiny, output).RunAsync(CancellationToken.None);
        Assert.All(
            results.SelectMany(table => table.Rows), row => Assert.All(row.Samples, samples => Assert.True(Assert.Single(samples).Value > 0, row.Row.Name)));
        Assert.Contains("| 4 KiB random write, depth 32 (requests/s) |", output.ToString());
    }

    [Fact]
    public async Task QEMUs_pair_is_started_and_measured_beside_ours()
    {
        Programs.Require(QemuProcess.Program);
        IReadOnlyList<TableResult> results = await new BenchRun(s_tiny with { WithQemu = true, Rows = ["pair"] }, TextWriter.Null).RunAsync(
            CancellationToken.None);
        TableResult table = Assert.Single(results);
        Assert.Equal(["ours", "QEMU"], table.Contestants);
        Assert.All(table.Rows, row => Assert.True(row.Ratio(1).Median > 0, row.Row.Name));
    }

    [Theory]
    [InlineData("backup")]
    [InlineData("bitmap")]
    [InlineData("fleece")]
    public async Task Backups_bitmaps_and_fleeces_of_ours_and_of_QEMU_are_measured(string tableName)
    {
        Programs.Require(QemuProcess.Program);
        IReadOnlyList<TableResult> results = await new BenchRun(s_tiny with { WithQemu = true, Rows = [tableName] }, TextWriter.Null).RunAsync(
            CancellationToken.None);
        TableResult table = Assert.Single(results);
        Assert.Contains("QEMU", table.Contestants);
        Assert.All(table.Rows.SelectMany(row => row.Samples), samples => Assert.True(Assert.Single(samples).Value > 0));
    }

    [Fact]
    public async Task A_row_that_nobody_knows_is_an_error()
    {
        BenchException error = await Assert.ThrowsAsync<BenchException>(
            () => new BenchRun(s_tiny with { Rows = ["read-5k"] }, TextWriter.Null).RunAsync(CancellationToken.None));
        Assert.Contains("read-5k", error.Message);
    }

    [Fact]
    public async Task Fio_measures_as_well()
    {
        Programs.Require("fio");
        BenchOptions options = s_tiny with { WithFio = true, Rows = ["read-4k-d32"] };
        RowResult row = Assert.Single(Assert.Single(await new BenchRun(options, TextWriter.Null).RunAsync(CancellationToken.None)).Rows);
        Assert.True(row.Median(0) > 0);
    }
}
