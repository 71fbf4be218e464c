using Microsoft.AspNetCore.Http;
using Replication.Rpc.Server;

namespace Grpc.Core;

/// <summary>The way from a call to its HTTP request.</summary>
public static class ServerCallContextExtensions
{
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext) => serverCallContext is HttpServerCall call
        ? call.HttpContext
        : throw new InvalidOperationException("this call did not come over HTTP");
}
