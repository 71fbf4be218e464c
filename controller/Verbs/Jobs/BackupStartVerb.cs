using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>Starts a backup and waits for its end; QEMU's names and defaults.</summary>
internal sealed class BackupStartVerb : Verb
{
    private readonly BackupOptions _options;
    private readonly Option<bool> _detach = new("--detach") { Description = "Return when the backup has begun; coloctl job wait waits for it" };
    private readonly NodeChoice _node;

    public BackupStartVerb(VerbHost host)
        : base(host, "start", "Copy a disk, as it is at this moment, to a target; waits for the end")
    {
        _options = new BackupOptions(this);
        Options.Add(_detach);
        _node = new NodeChoice(this);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        BackupSpec backup = _options.Read(context.Parsed);
        string id = backup.JobId.Length > 0 ? backup.JobId : backup.Device;
        using JobWatcher watcher = await JobWatcher.OpenAsync(node, [id], context.Cancellation);
        var request = new StartBackupRequest { Backup = backup };
        JobInfo job = (await JobResults.StartAsync(node, o => node.Jobs.StartBackupAsync(request, o), context)).Job;
        if (!context.Parsed.GetValue(_detach))
            job = (await JobResults.WaitAsync(watcher, [job], context))[0];
        return JobResults.Print(context, JobDocument.Of(node, job), node, [job]);
    }
}
