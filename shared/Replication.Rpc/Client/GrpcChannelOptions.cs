using Replication.Rpc;

namespace Grpc.Net.Client;

/// <summary>Options of a channel.</summary>
public sealed class GrpcChannelOptions
{
    /// <summary>
    /// What makes the connections; null for one with the usual settings. It is the caller's to dispose, unless <see cref="DisposeHttpClient"/>.
    /// </summary>
    public HttpMessageHandler? HttpHandler { get; set; }

    /// <summary>Disposing the channel disposes <see cref="HttpHandler"/> too.</summary>
    public bool DisposeHttpClient { get; set; }

    /// <summary>Largest message that is taken, in bytes; null: any.</summary>
    public int? MaxReceiveMessageSize { get; set; } = Limits.MessageBytes;

    /// <summary>Largest message that is sent, in bytes; null: any.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>A call that its caller's token ended throws <see cref="OperationCanceledException"/> instead of an RpcException.</summary>
    public bool ThrowOperationCanceledOnCancellation { get; set; }
}
