using System.CommandLine;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>A verb that changes one bitmap, and shows it as it is then; nothing where it is gone.</summary>
internal abstract class BitmapChangeVerb : Verb
{
    private readonly Argument<string> _disk = new("DISK") { Description = "Name of the disk" };
    private readonly Argument<string> _bitmap = new("BITMAP") { Description = "Name of the bitmap" };
    private readonly NodeChoice _node;

    protected BitmapChangeVerb(VerbHost host, string name, string description)
        : base(host, name, description)
    {
        Arguments.Add(_disk);
        Arguments.Add(_bitmap);
        _node = new NodeChoice(this);
    }

    protected sealed override async Task<ExitCode> RunAsync(VerbContext context)
    {
        NodeClient node = _node.OneOf(context);
        var bitmap = new BitmapName { Device = context.Parsed.GetRequiredValue(_disk), Name = context.Parsed.GetRequiredValue(_bitmap) };
        await node.AskAsync(o => ChangeAsync(context, node.Bitmaps, bitmap, o), context.Cancellation);
        BitmapDocument[] left =
        [
            .. (await BitmapQueries.ListAsync(node, bitmap.Device, context.Cancellation)).Where(listed => listed.Name == bitmap.Name),
        ];
        context.Output.Result(new BitmapsDocument(left), console =>
        {
            if (left.Length > 0)
                BitmapTable.Print(console, left);
        });
        return ExitCode.Done;
    }

    protected abstract Task ChangeAsync(VerbContext context, BitmapService.BitmapServiceClient service, BitmapName bitmap, CallOptions options);
}
