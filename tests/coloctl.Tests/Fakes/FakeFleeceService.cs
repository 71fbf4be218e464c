using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Replication.Controller.Tests.Fakes;

/// <summary>A node's fleeces from a script; requests are recorded.</summary>
internal sealed class FakeFleeceService : FleeceService.FleeceServiceBase
{
    private readonly Lock _lock = new();
    private readonly List<IMessage> _seen = []; // guarded by _lock

    /// <summary>What every call answers with.</summary>
    public List<Fleece> Fleeces { get; } = [];

    public IReadOnlyList<IMessage> Seen
    {
        get
        {
            lock (_lock)
                return [.. _seen];
        }
    }

    public override Task<OpenFleecesResponse> OpenFleeces(OpenFleecesRequest request, ServerCallContext context) =>
        Answer(request, new OpenFleecesResponse { Fleeces = { Fleeces } });

    public override Task<RenewFleeceResponse> RenewFleece(RenewFleeceRequest request, ServerCallContext context) =>
        Answer(request, new RenewFleeceResponse { Fleece = Fleeces[0] });

    public override Task<CloseFleeceResponse> CloseFleece(CloseFleeceRequest request, ServerCallContext context) => Answer(request, new CloseFleeceResponse());

    public override Task<ListFleecesResponse> ListFleeces(ListFleecesRequest request, ServerCallContext context) =>
        Task.FromResult(new ListFleecesResponse { Fleeces = { Fleeces } });

    private Task<T> Answer<T>(IMessage request, T answer)
    {
        lock (_lock)
            _seen.Add(request);
        return Task.FromResult(answer);
    }
}
