using Grpc.Core;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

/// <summary>A service whose handlers are the test's.</summary>
internal sealed class EchoService(EchoHandlers handlers) : Echo.EchoBase
{
    public override Task<SayResponse> Say(SayRequest request, ServerCallContext context) => handlers.Say(request, context);

    public override Task Count(CountRequest request, IServerStreamWriter<CountResponse> responseStream, ServerCallContext context) =>
        handlers.Count(request, responseStream, context);
}
