using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Everything that a backup may be asked for on the command line.</summary>
internal sealed class BackupOptions
{
    private readonly Argument<string> _disk = new("DISK") { Description = "Name of the disk" };

    private readonly Argument<string> _target = new("TARGET")
    {
        Description = "An absolute path on the node's machine, nbd://HOST:PORT/EXPORT or nbd+unix:///EXPORT?socket=PATH",
    };

    private readonly Option<string> _sync = WireWords<BackupSync>.Option(
        "--sync", "What is copied: everything, the topmost image, what a bitmap marks, or only what the guest is about to change");

    private readonly Option<string> _jobId = Text("--job-id", "NAME", "Name of the job [default: the disk's]");
    private readonly Option<string> _format = Text("--format", "FORMAT", "Format of the target: raw, qcow2, … [default: raw, or what an existing target is]");

    private readonly Option<string> _mode = WireWords<TargetMode>.Option(
        "--mode", "Write to a target that exists, or make it [default: absolute-paths, which makes it]");

    private readonly Option<string> _backingFile = Text("--backing-file", "PATH", "Backing file of an image that is made, as it is written into it");
    private readonly Option<string> _backingFormat = Text("--backing-format", "FORMAT", "Format of that file");
    private readonly Option<long?> _speed = Size("--speed", "Bytes a second [default: no limit]");
    private readonly Option<string> _bitmap = Text("--bitmap", "NAME", "Bitmap of the disk");
    private readonly Option<string> _bitmapMode = WireWords<BitmapMode>.Option("--bitmap-mode", "What becomes of the bitmap at the end");
    private readonly Option<bool> _compress = new("--compress") { Description = "Compress the target's clusters; its format must be able to" };

    private readonly Option<string> _onSourceError = WireWords<ErrorPolicy>.Option("--on-source-error", "When the disk cannot be read [default: report]");
    private readonly Option<string> _onTargetError = WireWords<ErrorPolicy>.Option("--on-target-error", "When the target cannot be written [default: report]");

    private readonly Option<string> _onCbwError = WireWords<OnCbwError>.Option(
        "--on-cbw-error", "When old content cannot be kept before a guest's write: who gets the error [default: break-guest-write]");

    private readonly Option<TimeSpan?> _cbwTimeout = new("--cbw-timeout")
    {
        Description = "How long a guest's write waits for that [default: as long as it takes]",
        HelpName = "DURATION",
        CustomParser = result => DurationText.Parse(result),
    };

    private readonly Option<string> _autoFinalize = YesNo("--auto-finalize", "false: the result counts only after coloctl job finalize [default: true]");
    private readonly Option<string> _autoDismiss = YesNo("--auto-dismiss", "false: the job stays in the list until coloctl job dismiss [default: true]");

    private readonly Option<string> _filterNodeName = Text(
        "--filter-node-name", "NAME", "Name of the node that copies before writes [default: one is made up]");

    private readonly Option<bool> _discardSource = new("--discard-source")
    {
        Description = "Discard on the disk what has been copied; refused for a disk with a guest",
    };

    private readonly Option<bool> _useCopyRange = new("--use-copy-range") { Description = "Let the kernel copy between raw files" };

    private readonly Option<int?> _maxWorkers = new("--max-workers")
    {
        Description = "Copies at once [default: 64]",
        HelpName = "N",
        CustomParser = result => NumberText.Parse<int>(result),
    };

    private readonly Option<long?> _maxChunk = Size("--max-chunk", "Longest piece that is copied at once [default: no limit of its own]");
    private readonly Option<long?> _minCluster = Size("--min-cluster-size", "Smallest unit of copying, a power of two [default: the target's]");

    public BackupOptions(Command verb)
    {
        _sync.Required = true;
        verb.Arguments.Add(_disk);
        verb.Arguments.Add(_target);
        Option[] options =
        [
            _sync, _jobId, _format, _mode, _backingFile, _backingFormat, _speed, _bitmap, _bitmapMode, _compress, _onSourceError, _onTargetError, _onCbwError,
            _cbwTimeout, _autoFinalize, _autoDismiss, _filterNodeName, _discardSource, _useCopyRange, _maxWorkers, _maxChunk, _minCluster,
        ];
        foreach (Option option in options)
            verb.Options.Add(option);
    }

    public BackupSpec Read(ParseResult parsed)
    {
        string target = parsed.GetRequiredValue(_target);
        if (TargetText.Refuse(target) is { } refusal)
            throw CliException.Usage(refusal);
        var backup = new BackupSpec
        {
            Device = parsed.GetRequiredValue(_disk),
            Target = target,
            Sync = WireWords<BackupSync>.Parse(parsed.GetValue(_sync)),
            JobId = parsed.GetValue(_jobId) ?? "",
            Format = parsed.GetValue(_format) ?? "",
            Mode = WireWords<TargetMode>.Parse(parsed.GetValue(_mode)),
            BackingFile = parsed.GetValue(_backingFile) ?? "",
            BackingFormat = parsed.GetValue(_backingFormat) ?? "",
            SpeedBytesPerSecond = parsed.GetValue(_speed) ?? 0,
            Bitmap = parsed.GetValue(_bitmap) ?? "",
            BitmapMode = WireWords<BitmapMode>.Parse(parsed.GetValue(_bitmapMode)),
            Compress = parsed.GetValue(_compress),
            OnSourceError = WireWords<ErrorPolicy>.Parse(parsed.GetValue(_onSourceError)),
            OnTargetError = WireWords<ErrorPolicy>.Parse(parsed.GetValue(_onTargetError)),
            OnCbwError = WireWords<OnCbwError>.Parse(parsed.GetValue(_onCbwError)),
            CbwTimeoutMs = (long)Math.Ceiling((parsed.GetValue(_cbwTimeout) ?? TimeSpan.Zero).TotalMilliseconds),
            AutoFinalize = parsed.GetValue(_autoFinalize) != "false",
            AutoDismiss = parsed.GetValue(_autoDismiss) != "false",
            FilterNodeName = parsed.GetValue(_filterNodeName) ?? "",
            DiscardSource = parsed.GetValue(_discardSource),
            UseCopyRange = parsed.GetValue(_useCopyRange),
            MaxChunkBytes = parsed.GetValue(_maxChunk) ?? 0,
            MinClusterBytes = parsed.GetValue(_minCluster) ?? 0,
        };
        if (parsed.GetValue(_maxWorkers) is { } workers)
            backup.MaxWorkers = workers;
        return backup;
    }

    private static Option<string> Text(string name, string helpName, string description) => new(name) { Description = description, HelpName = helpName };

    private static Option<string> YesNo(string name, string description) => Text(name, "true|false", description).OneOf("true", "false");

    private static Option<long?> Size(string name, string description) =>
        new(name) { Description = description, HelpName = "SIZE", CustomParser = result => SizeText.Parse(result) };
}
