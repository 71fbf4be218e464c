using Replication.Rpc;

namespace Grpc.AspNetCore.Server;

/// <summary>Options of all services of a host.</summary>
public class GrpcServiceOptions
{
    /// <summary>Largest message that is taken, in bytes; null: any.</summary>
    public int? MaxReceiveMessageSize { get; set; } = Limits.MessageBytes;

    /// <summary>Largest message that is sent, in bytes; null: any.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>An unexpected exception's message goes to the caller.</summary>
    public bool? EnableDetailedErrors { get; set; }
}
