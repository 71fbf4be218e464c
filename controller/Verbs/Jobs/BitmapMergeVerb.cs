using System.CommandLine;
using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

internal sealed class BitmapMergeVerb : BitmapChangeVerb
{
    private readonly Argument<string[]> _sources = new("SOURCE") { Description = "Bitmaps whose marks are added", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _of = new("--of") { Description = "Whose bitmaps the sources are [default: of the same disk]", HelpName = "DISK" };

    public BitmapMergeVerb(VerbHost host)
        : base(host, "merge", "Add the marks of other bitmaps to a bitmap")
    {
        Arguments.Add(_sources);
        Options.Add(_of);
    }

    protected override async Task ChangeAsync(VerbContext context, BitmapService.BitmapServiceClient service, BitmapName bitmap, CallOptions options)
    {
        string disk = context.Parsed.GetValue(_of) ?? bitmap.Device;
        var merge = new BitmapMerge { Target = bitmap };
        merge.Sources.AddRange(context.Parsed.GetRequiredValue(_sources).Select(name => new BitmapName { Device = disk, Name = name }));
        await service.MergeBitmapsAsync(new MergeBitmapsRequest { Merge = merge }, options);
    }
}
