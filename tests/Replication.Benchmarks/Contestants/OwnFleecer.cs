using Colo.Protocol.V1;
using Grpc.Net.Client;
using Replication.Nbd;
using Replication.Protos;

namespace Replication.Benchmarks.Contestants;

/// <summary>One verb opens it, one closes it; old content goes to a file of the node's own.</summary>
internal sealed class OwnFleecer : IFleecer
{
    private const string Fleece = "fleece";

    private readonly GrpcChannel _channel;
    private readonly FleeceService.FleeceServiceClient _service;

    public OwnFleecer(OwnNode node)
    {
        _channel = ControlChannel.Open(node.Address("control"));
        _service = new FleeceService.FleeceServiceClient(_channel);
    }

    public async Task<NbdAddress> OpenAsync(CancellationToken cancellationToken)
    {
        var request = new OpenFleecesRequest { Fleeces = { new FleeceSpec { Device = BackupHost.FullDisk, Name = Fleece } } };
        OpenFleecesResponse opened = await _service.OpenFleecesAsync(request, cancellationToken: cancellationToken);
        return NbdAddress.Parse(opened.Fleeces[0].Addresses[0]);
    }

    public async Task CloseAsync(CancellationToken cancellationToken) =>
        await _service.CloseFleeceAsync(new CloseFleeceRequest { Name = Fleece }, cancellationToken: cancellationToken);

    public ValueTask DisposeAsync()
    {
        _channel.Dispose();
        return default;
    }
}
