using Google.Protobuf;
using Grpc.Core;
using Replication.Rpc.Tests.Protos;

namespace Replication.Rpc.Tests;

/// <summary>What <see cref="EchoService"/> does; a test replaces what it is about.</summary>
internal sealed class EchoHandlers
{
    public Func<SayRequest, ServerCallContext, Task<SayResponse>> Say { get; set; } = (request, _) =>
        Task.FromResult(new SayResponse { Text = request.Text, Data = request.Data });

    public Func<CountRequest, IServerStreamWriter<CountResponse>, ServerCallContext, Task> Count { get; set; } = async (request, stream, _) =>
    {
        for (int number = 0; number < request.Messages; number++)
            await stream.WriteAsync(new CountResponse { Number = number, Data = ByteString.CopyFrom(new byte[request.DataBytes]) });
    };
}
