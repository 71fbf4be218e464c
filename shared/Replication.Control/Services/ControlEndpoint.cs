using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Replication.Control.Services.Jobs;

namespace Replication.Control.Services;

/// <summary>The services on a host's Kestrel. They take the node, its jobs, its events and its errors from the host's services.</summary>
internal static class ControlEndpoint
{
    // Followers and a busy controller share a connection; above this number of cancelled streams Kestrel suspects an attack and closes it.
    private const int StreamsPerConnection = 1000;

    /// <summary>Limits that fit long calls and quiet streams: a follower may read as slowly as it likes, and a verb may take hours.</summary>
    public static void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGrpcService<ReplicationGrpcService>();
        routes.MapGrpcService<PeerGrpcService>();
        routes.MapGrpcService<BlockJobGrpcService>();
        routes.MapGrpcService<BitmapGrpcService>();
        routes.MapGrpcService<FleeceGrpcService>();
    }
}
