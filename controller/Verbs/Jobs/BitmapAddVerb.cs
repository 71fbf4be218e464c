using System.CommandLine;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

internal sealed class BitmapAddVerb : BitmapChangeVerb
{
    private readonly Option<long?> _granularity = new("--granularity")
    {
        Description = "What one bit stands for, a power of two [default: 64KiB]",
        HelpName = "SIZE",
        CustomParser = result => SizeText.Parse(result),
    };

    private readonly Option<bool> _persistent = new("--persistent") { Description = "Keep it over restarts of the node, and over kill -9" };
    private readonly Option<bool> _disabled = new("--disabled") { Description = "It marks nothing until it is enabled" };

    public BitmapAddVerb(VerbHost host)
        : base(host, "add", "Mark what changes on a disk from now on")
    {
        Options.Add(_granularity);
        Options.Add(_persistent);
        Options.Add(_disabled);
    }

    protected override async Task ChangeAsync(VerbContext context, BitmapService.BitmapServiceClient service, BitmapName bitmap, CallOptions options)
    {
        var added = new BitmapSpec
        {
            Device = bitmap.Device,
            Name = bitmap.Name,
            Persistent = context.Parsed.GetValue(_persistent),
            Disabled = context.Parsed.GetValue(_disabled),
        };
        if (context.Parsed.GetValue(_granularity) is { } granularity)
            added.GranularityBytes = granularity;
        await service.AddBitmapAsync(new AddBitmapRequest { Bitmap = added }, options);
    }
}
