using Grpc.Core;
using Replication.Rpc.Client;

namespace Grpc.Net.Client;

/// <summary>A way to one server. Connections are made by the first call and made again after a loss; disposing it ends the calls under way.</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly CancellationTokenSource _closing = new();
    private readonly bool _ownsHandler;

    private GrpcChannel(Uri address, GrpcChannelOptions options) : base(address.Authority)
    {
        if (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            throw new ArgumentException($"\"{address}\" is no http:// or https:// address", nameof(address));
        Address = address;
        Options = options;
        _ownsHandler = options.HttpHandler is null || options.DisposeHttpClient;
        Invoker = new HttpMessageInvoker(options.HttpHandler ?? CreateHandler(), _ownsHandler);
    }

    internal Uri Address { get; }

    internal GrpcChannelOptions Options { get; }

    internal HttpMessageInvoker Invoker { get; }

    /// <summary>Fires when the channel is disposed.</summary>
    internal CancellationToken Closing => _closing.Token;

    public static GrpcChannel ForAddress(string address) => ForAddress(new Uri(address), new GrpcChannelOptions());

    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) => ForAddress(new Uri(address), channelOptions);

    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions) => new(address, channelOptions);

    public override CallInvoker CreateCallInvoker() => new HttpCallInvoker(this);

    public void Dispose()
    {
        if (_closing.IsCancellationRequested)
            return;
        _closing.Cancel();
        if (_ownsHandler)
            Invoker.Dispose();
    }

    // A peer is reached directly, whatever HTTP_PROXY says. One connection carries about 100 calls; more open another.
    private static SocketsHttpHandler CreateHandler() =>
        new() { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, EnableMultipleHttp2Connections = true };
}
