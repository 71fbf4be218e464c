using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>One that needs to know nothing but which bitmap.</summary>
internal sealed class BitmapPlainVerb(
    VerbHost host, string name, string description, Func<BitmapService.BitmapServiceClient, BitmapName, CallOptions, Task> change)
    : BitmapChangeVerb(host, name, description)
{
    protected override Task ChangeAsync(VerbContext context, BitmapService.BitmapServiceClient service, BitmapName bitmap, CallOptions options) =>
        change(service, bitmap, options);
}
