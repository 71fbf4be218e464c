using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Replication.Rpc.Wire;

namespace Replication.Rpc.Server;

/// <summary>One call on the server, from its HTTP request to its trailers.</summary>
/// <remarks>
/// A call is cut short by its deadline, its caller or the host's stop: the first reason wins, fires the handler's token and becomes the status. A unary
/// handler that has a result nevertheless sends it, since it is the truth; a stream that was cut short never looks whole.
/// Only the handler's own flow touches the HTTP context: whoever cuts a call short leaves the reason and fires the token.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "The source has no timer and no link, and a late reason may still fire it.")]
internal sealed partial class HttpServerCall : ServerCallContext
{
    private const int ResetCancel = 0x8;

    private readonly IMethod _method;
    private readonly GrpcServiceOptions _options;
    private readonly ILogger _logger;
    private readonly Metadata _trailers = [];
    private readonly CancellationTokenSource _ended = new();
    private RpcException? _reason; // set once, by whoever is first
    private DateTime _deadline = DateTime.MaxValue;
    private Metadata? _requestHeaders;

    private HttpServerCall(HttpContext http, IMethod method, GrpcServiceOptions options, ILogger logger) =>
        (HttpContext, _method, _options, _logger) = (http, method, options, logger);

    public HttpContext HttpContext { get; }

    protected override string MethodCore => _method.FullName;

    protected override string HostCore => HttpContext.Request.Host.Value ?? "";

    protected override string PeerCore => HttpContext.Connection.RemoteIpAddress is { } ip
        ? $"{(ip.AddressFamily == AddressFamily.InterNetwork ? "ipv4" : "ipv6")}:{new IPEndPoint(ip, HttpContext.Connection.RemotePort)}"
        : "unknown"; // a Unix socket

    protected override DateTime DeadlineCore => _deadline;

    protected override CancellationToken CancellationTokenCore => _ended.Token;

    protected override Metadata ResponseTrailersCore => _trailers;

    protected override Status StatusCore { get; set; } = Status.DefaultSuccess;

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override Metadata RequestHeadersCore
    {
        get
        {
            if (_requestHeaders is not null)
                return _requestHeaders;
            var metadata = new Metadata();
            foreach ((string name, var values) in HttpContext.Request.Headers)
            {
                foreach (string? value in values)
                    MetadataCodec.Add(metadata, name, value ?? "");
            }

            return _requestHeaders = metadata;
        }
    }

    /// <summary>Runs a handler and ends the call with its status.</summary>
    public static async Task RunAsync(HttpContext http, IMethod method, GrpcServiceOptions options, ILogger logger, Func<HttpServerCall, Task> handler)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol)
            || http.Request.ContentType?.StartsWith(HeaderNames.ContentType, StringComparison.OrdinalIgnoreCase) != true)
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        var call = new HttpServerCall(http, method, options, logger);
        http.Response.ContentType = HeaderNames.ContentType;
        CancellationToken stopping = http.RequestServices.GetService<IHostApplicationLifetime>()?.ApplicationStopping ?? default;
        CancellationTokenRegistration gone = call.EndWith(http.RequestAborted);
        CancellationTokenRegistration stopped = stopping.UnsafeRegister(
            static state => ((HttpServerCall)state!).End(new Status(Grpc.Core.StatusCode.Unavailable, "the server is stopping")), call);
        try
        {
            using Timer? deadline = call.StartDeadline();
            await handler(call);
        }
        catch (Exception e)
        {
            call.Status = call.StatusOf(e);
        }

        gone.Unregister();
        stopped.Unregister();
        call.Finish();
    }

    /// <summary>Ends the call when that token fires.</summary>
    public CancellationTokenRegistration EndWith(CancellationToken token) => token.UnsafeRegister(
        static state => ((HttpServerCall)state!).End(new Status(Grpc.Core.StatusCode.Cancelled, "the caller has cancelled the call or is gone")), this);

    /// <exception cref="RpcException">The call was cut short.</exception>
    public void ThrowIfEnded()
    {
        if (Volatile.Read(ref _reason) is { } reason)
            throw new RpcException(reason.Status);
    }

    private void End(Status reason)
    {
        if (Interlocked.CompareExchange(ref _reason, new RpcException(reason), null) is null)
            _ended.Cancel();
    }

    private Timer? StartDeadline()
    {
        string? header = HttpContext.Request.Headers[HeaderNames.Timeout];
        if (header is null)
            return null;
        if (!TimeoutCodec.TryDecode(header, out TimeSpan timeout))
            throw new RpcException(new Status(Grpc.Core.StatusCode.Internal, $"\"{header}\" is no {HeaderNames.Timeout}"));
        if (timeout > Limits.Timer)
            return null;
        _deadline = DateTime.UtcNow + timeout;
        return new Timer(
            static state => ((HttpServerCall)state!).End(new Status(Grpc.Core.StatusCode.DeadlineExceeded, "the call's deadline has passed")), this, timeout,
            Timeout.InfiniteTimeSpan);
    }

    private Status StatusOf(Exception exception)
    {
        switch (exception)
        {
            case OperationCanceledException or RpcException { StatusCode: Grpc.Core.StatusCode.Cancelled } when Volatile.Read(ref _reason) is { } reason:
                return reason.Status;
            case RpcException e:
                foreach (Metadata.Entry entry in e.Trailers)
                    _trailers.Add(entry);
                return e.Status;
            case OperationCanceledException:
                return new Status(Grpc.Core.StatusCode.Cancelled, "the call was cancelled");
            default:
                ServerLog.HandlerFailed(_logger, _method.FullName, exception);
                return new Status(Grpc.Core.StatusCode.Unknown, _options.EnableDetailedErrors == true ? exception.Message : "the handler failed unexpectedly");
        }
    }

    // Where nothing was sent yet, the headers are the trailers.
    private void Finish()
    {
        ServerLog.CallEnded(_logger, _method.FullName, Status.StatusCode, Status.Detail);
        if (_flush is { IsCompleted: false })
        {
            HttpContext.Features.Get<IHttpResetFeature>()?.Reset(ResetCancel);
            return;
        }

        IHeaderDictionary headers = HttpContext.Response.HasStarted
            ? HttpContext.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers
            : HttpContext.Response.Headers;
        headers[HeaderNames.Status] = ((int)Status.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (Status.Detail.Length > 0)
            headers[HeaderNames.Message] = StatusDetail.Encode(Status.Detail);
        foreach (Metadata.Entry entry in _trailers)
            headers.Append(entry.Key, MetadataCodec.Encode(entry));
    }
}
