using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Jobs.Fleecing;
using static Replication.Control.Services.WireValues;

namespace Replication.Control.Services.Jobs;

/// <summary>Disks as they were, as exports: each call is one verb, its fields checked and converted.</summary>
internal sealed class FleeceGrpcService(JobsDoor door, FleeceAddresses addresses) : FleeceService.FleeceServiceBase
{
    public override Task<OpenFleecesResponse> OpenFleeces(OpenFleecesRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        FleeceCommand[] commands = [.. request.Fleeces.Select((fleece, i) => FleeceMessages.FromWire(fleece, $"fleeces[{i}]"))];
        IReadOnlyList<FleeceInfo> opened = await door.Jobs.Fleeces.OpenAsync(commands, context.CancellationToken);
        return new OpenFleecesResponse { Fleeces = { opened.Select(ToWire) } };
    });

    public override Task<RenewFleeceResponse> RenewFleece(RenewFleeceRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
    {
        TimeSpan? lease = request.HasLeaseMs ? FleeceMessages.Lease(request.LeaseMs, "lease_ms") : null;
        return Task.FromResult(new RenewFleeceResponse { Fleece = ToWire(door.Jobs.Fleeces.Renew(Name(request.Name, "name"), lease)) });
    });

    public override Task<CloseFleeceResponse> CloseFleece(CloseFleeceRequest request, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        await door.Jobs.Fleeces.CloseAsync(Name(request.Name, "name"), request.Done, context.CancellationToken);
        return new CloseFleeceResponse();
    });

    public override Task<ListFleecesResponse> ListFleeces(ListFleecesRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
        Task.FromResult(new ListFleecesResponse { Fleeces = { door.Jobs.Fleeces.List().Select(ToWire) } }));

    private Fleece ToWire(FleeceInfo fleece) => FleeceMessages.ToWire(fleece, addresses.Of(fleece.Name));
}
