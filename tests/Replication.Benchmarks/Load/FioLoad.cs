using System.Globalization;
using System.Text.Json;
using Replication.Nbd;

namespace Replication.Benchmarks.Load;

/// <summary>fio's nbd engine: everybody's tool, and a heavy one. Its libnbd sends every request with a system call of its own.</summary>
internal sealed class FioLoad : ILoadGenerator
{
    public async Task<LoadResult> RunAsync(NbdAddress address, LoadPattern pattern, TimeSpan length, CancellationToken cancellationToken)
    {
        using var scratch = new TempDirectory();
        string mode = (pattern.IsRandom ? "rand" : "") + (pattern.IsRead ? "read" : "write");
        string report = scratch["fio.json"];
        (int exitCode, string output) = await Programs.RunAsync(
            "fio", "--name=load", "--ioengine=nbd", $"--uri={address}", $"--rw={mode}", $"--bs={Text(pattern.RequestBytes)}",
            $"--iodepth={Text(pattern.Depth)}",
            "--randrepeat=0", "--norandommap", "--thread", "--time_based", $"--runtime={Text((long)length.TotalMilliseconds)}ms", "--percentile_list=50:99",
            "--output-format=json", $"--output={report}");
        cancellationToken.ThrowIfCancellationRequested();
        if (exitCode != 0)
            throw new BenchException($"fio on {address}: {output.Trim()}");
        string text = await File.ReadAllTextAsync(report, cancellationToken);
        using JsonDocument document = JsonDocument.Parse(text[text.IndexOf('{', StringComparison.Ordinal)..]);
        JsonElement side = document.RootElement.GetProperty("jobs")[0].GetProperty(pattern.IsRead ? "read" : "write");
        JsonElement percentiles = side.GetProperty("clat_ns").GetProperty("percentile");
        return new LoadResult(
            side.GetProperty("total_ios").GetInt64(),
            TimeSpan.FromMilliseconds(side.GetProperty("runtime").GetDouble()),
            percentiles.GetProperty("50.000000").GetDouble() / 1000,
            percentiles.GetProperty("99.000000").GetDouble() / 1000,
            side.GetProperty("clat_ns").GetProperty("max").GetDouble() / 1000);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
