using System.CommandLine;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

internal sealed class JobSetSpeedVerb : JobAskVerb
{
    private readonly Argument<string> _speed = new("SPEED") { Description = "Bytes a second, such as 50MiB; 0: no limit" };

    public JobSetSpeedVerb(VerbHost host)
        : base(host, "set-speed", "Limit a job's speed, also while it runs", (_, _, _) => Task.CompletedTask) => Arguments.Add(_speed);

    protected override async Task AskAsync(VerbContext context, NodeClient node, string id, CallOptions options)
    {
        string text = context.Parsed.GetRequiredValue(_speed);
        if (!SizeText.TryParse(text, out long speed))
            throw CliException.Usage($"speed: '{text}' is not {SizeText.Forms}");
        await node.Jobs.SetJobSpeedAsync(new SetJobSpeedRequest { JobId = id, SpeedBytesPerSecond = speed }, options);
    }
}
