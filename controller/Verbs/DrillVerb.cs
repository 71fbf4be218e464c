using System.CommandLine;
using System.Globalization;
using Replication.Controller.CommandLine;
using Replication.Controller.Drill;
using Replication.Controller.Drill.Pair;
using Replication.Controller.Drill.Report;
using Replication.Controller.Output;
using Limits = Replication.Controller.Drill.Limits;

namespace Replication.Controller.Verbs;

/// <summary>Holds a drill on a pair of its own, and proves every byte.</summary>
internal sealed class DrillVerb : Verb
{
    // Not a multiple of any block size: the last block is short.
    private const long DefaultSizeBytes = (64 << 20) + 512;

    private readonly Option<string> _scenario = new Option<string>("--scenario")
    {
        Description = "What happens to the pair",
        HelpName = string.Join('|', [.. Drill.Drill.Scenarios.Select(s => s.Name), "all"]),
        DefaultValueFactory = _ => "primary-dies",
    }.OneOf([.. Drill.Drill.Scenarios.Select(s => s.Name), "all"]);

    private readonly Option<int> _disks = new("--disks")
    {
        Description = "Number of disks",
        HelpName = "N",
        DefaultValueFactory = _ => 3,
        CustomParser = NumberText.Parse<int>,
    };

    private readonly Option<long?> _size = new("--size")
    {
        Description = "Length of each disk [default: 64 MiB and 512 bytes]",
        HelpName = "SIZE",
        CustomParser = result => SizeText.Parse(result),
    };

    private readonly Option<int> _seconds = new("--seconds")
    {
        Description = "How long the guests write, in seconds",
        HelpName = "T",
        DefaultValueFactory = _ => 8,
        CustomParser = NumberText.Parse<int>,
    };

    private readonly Option<ulong?> _seed = new("--seed")
    {
        Description = "Repeats a drill's content and requests",
        HelpName = "N",
        CustomParser = result => NumberText.Parse<ulong>(result),
    };

    private readonly Option<string> _report = new("--report") { Description = "Write drill.json and junit.xml there", HelpName = "DIR" };

    public DrillVerb(VerbHost host)
        : base(host, "drill", "Start a pair on loopback, break it, let it recover, prove every byte")
    {
        Options.Add(_scenario);
        Options.Add(_disks);
        Options.Add(_size);
        Options.Add(_seconds);
        Options.Add(_seed);
        Options.Add(_report);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        DrillOptions options = OptionsOf(context);
        string? reportDirectory = context.Parsed.GetValue(_report);
        if (reportDirectory is not null)
            Directory.CreateDirectory(reportDirectory);
        string scenario = context.Parsed.GetValue(_scenario)!;
        if (!context.Output.Json)
            context.Output.Notice(string.Create(CultureInfo.InvariantCulture, $"drill {scenario}, seed {options.Seed}"));

        DrillReport report = await RunAsync(scenario, options, context);
        if (reportDirectory is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(reportDirectory, "drill.json"), JsonText.Of(report) + "\n");
            await File.WriteAllTextAsync(Path.Combine(reportDirectory, "junit.xml"), JUnitXml.Of(report).ToString() + "\n");
        }

        context.Output.Result(report, console => DrillTable.Print(console, report));
        if (report.Failure is null)
            return ExitCode.Done;
        context.Output.Notice($"{report.Failure} (seed {report.Seed}; kept in {report.Directory})");
        return ExitCode.Failed;
    }

    private static async Task<DrillReport> RunAsync(string scenario, DrillOptions options, VerbContext context)
    {
        PairDirectory? directory = null;
        try
        {
            return await Drill.Drill.RunAsync(
                scenario,
                options,
                shape =>
                {
                    directory?.Dispose();
                    directory = PairDirectory.Create(options);
                    return new ProcessPair(options, shape, directory, context.Timeout, context.Time);
                },
                phase => Tell(context, phase),
                () =>
                {
                    directory!.Keep = true;
                    return directory.Root;
                },
                context.Cancellation);
        }
        finally
        {
            directory?.Dispose();
        }
    }

    private static void Tell(VerbContext context, DrillPhase phase)
    {
        if (!context.Output.Json)
        {
            context.Output.Notice(string.Create(
                CultureInfo.InvariantCulture,
                $"{phase.ElapsedMs / 1000,5:0.0} s  {phase.Scenario} {phase.Name}: {(phase.Passed ? "" : "FAILED: ")}{phase.Detail}"));
        }
    }

    private static int Within(string option, int value, int most) => value >= 1 && value <= most
        ? value
        : throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option}: {value} is not between 1 and {most}"));

    private DrillOptions OptionsOf(VerbContext context)
    {
        int disks = Within(_disks.Name, context.Parsed.GetValue(_disks), Limits.Disks);
        int seconds = Within(_seconds.Name, context.Parsed.GetValue(_seconds), Limits.Seconds);
        long sizeBytes = context.Parsed.GetValue(_size) ?? DefaultSizeBytes;
        if (sizeBytes % 512 != 0 || sizeBytes < Limits.MinDiskBytes)
            throw CliException.Usage($"--size: {sizeBytes} is no multiple of 512 bytes from {SizeText.Format(Limits.MinDiskBytes)} on");
        if (sizeBytes > Limits.TotalDiskBytes / disks)
        {
            throw CliException.Usage($"--size: {disks} disks of {SizeText.Format(sizeBytes)} are more than "
                + $"{SizeText.Format(Limits.TotalDiskBytes)}, which the model keeps in memory");
        }

        ulong seed = context.Parsed.GetValue(_seed) ?? (ulong)Random.Shared.NextInt64(1L << 48);
        return new DrillOptions(disks, sizeBytes, TimeSpan.FromSeconds(seconds), seed);
    }
}
