using System.CommandLine;
using System.Runtime.InteropServices;

namespace Replication.Benchmarks;

/// <summary>The command line of <c>./dev bench</c>.</summary>
internal static class BenchCommand
{
    public static async Task<int> RunAsync(string[] args)
    {
        using var end = new CancellationTokenSource();
        // The processes that were started end with us, whatever ends us.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        return await Create(end.Token).Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });

        void Cancel(PosixSignalContext context)
        {
            context.Cancel = true;
            end.Cancel();
        }
    }

    private static RootCommand Create(CancellationToken cancellationToken)
    {
        var defaults = new BenchOptions();
        var rounds = new Option<int>("--rounds") { Description = "how often each row is measured", DefaultValueFactory = _ => defaults.Rounds };
        var seconds = new Option<double>("--seconds") { Description = "length of one load", DefaultValueFactory = _ => defaults.Seconds };
        var rows = new Option<string[]>("--rows") { Description = "names of rows or tables (default: all)", AllowMultipleArgumentsPerToken = true };
        var sizeMiB = new Option<int>("--size-mib") { Description = "length of each disk", DefaultValueFactory = _ => (int)(defaults.DiskBytes >> 20) };
        var directory = new Option<string>("--disk-dir") { Description = "where the disks are made", DefaultValueFactory = _ => defaults.DiskDirectory };
        var noQemu = new Option<bool>("--no-qemu") { Description = "without QEMU's programs" };
        var fio = new Option<bool>("--fio") { Description = "loads by fio instead of our own generator" };
        var cold = new Option<bool>("--cold") { Description = "backups read from the device; for disks that are not in memory" };
        var before = new Option<string?>("--before") { Description = "a directory with other builds of the hosts, measured beside these" };
        var json = new Option<string?>("--json") { Description = "a file for everything that was measured" };
        var root = new RootCommand("Measures the pair against QEMU's own COLO pair, both interleaved in one run (docs/BENCHMARKS.md).")
        {
            rounds, seconds, rows, sizeMiB, directory, noQemu, fio, cold, before, json,
        };
        root.SetAction(async parsed =>
        {
            var options = new BenchOptions
            {
                Rounds = Math.Max(1, parsed.GetValue(rounds)),
                Seconds = parsed.GetValue(seconds),
                Rows = parsed.GetValue(rows) is { } named ? [.. named.SelectMany(n => n.Split(','))] : [],
                DiskBytes = (long)parsed.GetValue(sizeMiB) << 20,
                DiskDirectory = parsed.GetValue(directory)!,
                WithQemu = !parsed.GetValue(noQemu),
                WithFio = parsed.GetValue(fio),
                IsCold = parsed.GetValue(cold),
                Before = parsed.GetValue(before),
                JsonFile = parsed.GetValue(json),
            };
            try
            {
                await new BenchRun(options, Console.Out).RunAsync(cancellationToken);
                return 0;
            }
            catch (BenchException e)
            {
                Console.Error.WriteLine($"bench: {e.Message}");
                return 1;
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine("bench: interrupted");
                return 130;
            }
        });
        return root;
    }
}
