using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Verbs.Jobs;

namespace Replication.Controller.Verbs.Fleeces;

/// <summary>Everything that a fleece may be asked for on the command line.</summary>
internal sealed class FleeceOptions
{
    private readonly Argument<string[]> _disks = new("DISK")
    {
        Description = "Name of a disk; those of several have one moment",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string> _name = Text("--name", "NAME", "Name of the export and of its job [default: DISK.fleece-N]");

    private readonly Option<string> _bitmap = Text(
        "--bitmap", "NAME", "Only what this bitmap of the disk marks can be read; it is offered as qemu:dirty-bitmap:NAME");

    private readonly Option<string> _target = Text(
        "--target", "TARGET", "Where old content is kept, as a backup's target [default: a file of the node's own, which goes with the fleece]");

    private readonly Option<string> _format = Text("--format", "FORMAT", "Format of the target: raw, qcow2, … [default: raw, or what an existing target is]");

    private readonly Option<string> _mode = WireWords<TargetMode>.Option(
        "--mode", "Write to a target that exists, or make it [default: absolute-paths, which makes it]");

    private readonly Option<long?> _quota = new("--quota")
    {
        Description = "The most old content; at the quota the fleece is given up, never a guest's write [default: no limit, or half of what is free for a "
            + "file of the node's own]",
        HelpName = "SIZE",
        CustomParser = result => SizeText.Parse(result),
    };

    private readonly Option<string> _lease = EndlessDuration.Option("--lease", "How long it stays where nobody renews it [default: 1 hour]");

    private readonly Option<string> _onCbwError = WireWords<OnCbwError>.Option(
        "--on-cbw-error", "When old content cannot be kept before a guest's write: who gets the error [default: break-snapshot]");

    private readonly Option<string> _cbwTimeout = EndlessDuration.Option("--cbw-timeout", "How long a guest's write waits for that [default: 10s]");

    private readonly Option<bool> _saysWritable = new("--says-writable")
    {
        Description = "Do not say that the export is read-only, for clients that give back what they have read (trim) only then; writes are refused all "
            + "the same",
    };

    public FleeceOptions(Command verb)
    {
        verb.Arguments.Add(_disks);
        foreach (Option option in new Option[] { _name, _bitmap, _target, _format, _mode, _quota, _lease, _onCbwError, _cbwTimeout, _saysWritable })
            verb.Options.Add(option);
    }

    public IEnumerable<FleeceSpec> Read(ParseResult parsed)
    {
        string[] disks = parsed.GetRequiredValue(_disks);
        foreach (Option<string> ofOne in new[] { _name, _target })
        {
            if (disks.Length > 1 && parsed.GetValue(ofOne) is not null)
                throw CliException.Usage($"{ofOne.Name} is one fleece's, and {disks.Length} disks are named; leave it out, or open them one by one");
        }

        if (parsed.GetValue(_target) is { } target && TargetText.Refuse(target) is { } refusal)
            throw CliException.Usage(refusal);
        return disks.Select(disk => Of(disk, parsed));
    }

    private FleeceSpec Of(string disk, ParseResult parsed)
    {
        var fleece = new FleeceSpec
        {
            Device = disk,
            Name = parsed.GetValue(_name) ?? "",
            Bitmap = parsed.GetValue(_bitmap) ?? "",
            Target = parsed.GetValue(_target) ?? "",
            Format = parsed.GetValue(_format) ?? "",
            Mode = WireWords<TargetMode>.Parse(parsed.GetValue(_mode)),
            QuotaBytes = parsed.GetValue(_quota) ?? 0,
            OnCbwError = WireWords<OnCbwError>.Parse(parsed.GetValue(_onCbwError)),
            SaysWritable = parsed.GetValue(_saysWritable),
        };
        if (parsed.GetValue(_lease) is { } lease)
            fleece.LeaseMs = EndlessDuration.Milliseconds(lease);
        if (parsed.GetValue(_cbwTimeout) is { } timeout)
            fleece.CbwTimeoutMs = EndlessDuration.Milliseconds(timeout);
        return fleece;
    }

    private static Option<string> Text(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName };
}
