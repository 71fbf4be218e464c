using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Grpc.Core;
using Grpc.Net.Client;
using Replication.Rpc.Wire;

namespace Replication.Rpc.Client;

/// <summary>One call. It is sent at once; its answer is read message by message.</summary>
/// <remarks>
/// A call ends once: by its status, a failure, its deadline, its caller's token, the channel's end or <see cref="Dispose"/>. The first reason wins and every
/// later reader sees it. What the call holds is released when it has ended and nobody is inside a send or a read: a buffer is never given back under a read.
/// </remarks>
internal sealed class ClientCall<TRequest, TResponse> : IDisposable
    where TRequest : class
    where TResponse : class
{
    private readonly GrpcChannel _channel;
    private readonly Method<TRequest, TResponse> _method;
    private readonly CallOptions _options;
    private readonly CancellationTokenSource _ended = new(); // no timer and no link, so it needs no dispose
    private readonly Lock _gate = new();
    private (Status Status, Metadata Trailers)? _end; // guarded by _gate
    private int _busy; // guarded by _gate: sends and reads under way
    private Task<HttpResponseMessage> _response = null!; // set by Start
    private HttpResponseMessage? _answer; // written by the send, before it leaves; then only disposed
    private MessageReader? _reader; // the reader's own
    private Timer? _deadline;
    private CancellationTokenRegistration _cancelled;
    private CancellationTokenRegistration _closing;

    public ClientCall(GrpcChannel channel, Method<TRequest, TResponse> method, CallOptions options) =>
        (_channel, _method, _options) = (channel, method, options);

    /// <summary>Sends the request.</summary>
    public void Start(TRequest request)
    {
        TimeSpan? timeout = TimeLeft(_options.Deadline);
        Enter();
        _response = SendAsync(request, timeout);
    }

    /// <summary>The one response of a unary call.</summary>
    public async Task<TResponse> ReadOnlyMessageAsync()
    {
        TResponse? message = await ReadAsync();
        if (message is not null && await ReadAsync() is null)
            return message;
        var status = new Status(StatusCode.Internal, $"{_method.FullName} was answered with {(message is null ? "no message" : "more than one message")}");
        End(status);
        throw new RpcException(status);
    }

    /// <summary>The next response; null when the server has ended the call well.</summary>
    public async Task<TResponse?> ReadAsync()
    {
        if (!Enter())
            return Ended() is { StatusCode: StatusCode.OK } ? null : throw Failure();
        (Status, Metadata) end;
        try
        {
            HttpResponseMessage response = await _response;
            _reader ??= new MessageReader(
                PipeReader.Create(
                    await response.Content.ReadAsStreamAsync(_ended.Token),
                    new StreamPipeReaderOptions(bufferSize: Limits.ReadBufferBytes, useZeroByteReads: true)),
                _channel.Options.MaxReceiveMessageSize);
            if (await _reader.ReadAsync(_method.ResponseMarshaller, _ended.Token) is { } message)
                return message;
            end = ClientStatus.OfTrailers(response);
        }
        catch (Exception e)
        {
            end = (ClientStatus.OfException(e, _channel.Address), (e as RpcException)?.Trailers ?? Metadata.Empty);
        }
        finally
        {
            Leave();
        }

        End(end.Item1, end.Item2);
        return Ended() is { StatusCode: StatusCode.OK } ? null : throw Failure();
    }

    /// <summary>The response headers. Whoever does not ask for them is not told, either, that there are none.</summary>
    public Task<Metadata> ReadHeadersAsync()
    {
        Task<Metadata> headers = ReadAsync(_response);
        headers.ContinueWith(
            static task => _ = task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return headers;

        static async Task<Metadata> ReadAsync(Task<HttpResponseMessage> response) => ClientStatus.ToMetadata((await response).Headers);
    }

    public Status GetStatus() => Ended() ?? throw new InvalidOperationException("the call has not ended yet");

    public Metadata GetTrailers()
    {
        lock (_gate)
            return _end?.Trailers ?? throw new InvalidOperationException("the call has not ended yet");
    }

    /// <summary>Ends the call when that token fires.</summary>
    public CancellationTokenRegistration CancelWith(CancellationToken token) =>
        token.UnsafeRegister(
            static state => ((ClientCall<TRequest, TResponse>)state!).End(new Status(StatusCode.Cancelled, "the call was cancelled by its caller")), this);

    public void Dispose() => End(new Status(StatusCode.Cancelled, "the call was disposed before its end"));

    private async Task<HttpResponseMessage> SendAsync(TRequest request, TimeSpan? timeout)
    {
        try
        {
            _cancelled = CancelWith(_options.CancellationToken);
            _closing = _channel.Closing.UnsafeRegister(
                static state => ((ClientCall<TRequest, TResponse>)state!).End(new Status(StatusCode.Cancelled, "the channel was disposed")), this);
            if (timeout <= TimeSpan.Zero)
                ReachDeadline();
            else if (timeout < Limits.Timer)
                _deadline = new Timer(static state => ((ClientCall<TRequest, TResponse>)state!).ReachDeadline(), this, timeout.Value, Timeout.InfiniteTimeSpan);
            _ended.Token.ThrowIfCancellationRequested();

            using HttpRequestMessage message = CreateRequest(request, timeout);
            _answer = await _channel.Invoker.SendAsync(message, _ended.Token);
            return ClientStatus.OfHeaders(_answer, _channel.Address) is { } refusal ? throw new RpcException(refusal) : _answer;
        }
        catch (Exception e)
        {
            End(ClientStatus.OfException(e, _channel.Address));
            throw Failure();
        }
        finally
        {
            Leave();
        }
    }

    private HttpRequestMessage CreateRequest(TRequest request, TimeSpan? timeout)
    {
        var body = new ArrayBufferWriter<byte>();
        MessageWriter.Write(body, _method.RequestMarshaller, request, _channel.Options.MaxSendMessageSize);
        var message = new HttpRequestMessage(HttpMethod.Post, new Uri(_channel.Address, _method.FullName))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ReadOnlyMemoryContent(body.WrittenMemory) { Headers = { { "Content-Type", HeaderNames.ContentType } } },
            Headers = { { HeaderNames.Te, HeaderNames.Trailers } },
        };
        if (timeout is { } span)
            message.Headers.Add(HeaderNames.Timeout, TimeoutCodec.Encode(span));
        foreach (Metadata.Entry entry in _options.Headers ?? Metadata.Empty)
            message.Headers.TryAddWithoutValidation(entry.Key, MetadataCodec.Encode(entry));
        return message;
    }

    private void ReachDeadline() => End(new Status(StatusCode.DeadlineExceeded, $"{_channel.Address} did not answer {_method.FullName} within its deadline"));

    // The first end wins.
    private void End(Status status, Metadata? trailers = null)
    {
        bool idle;
        lock (_gate)
        {
            if (_end is not null)
                return;
            _end = (status, trailers ?? Metadata.Empty);
            idle = _busy == 0;
        }

        if (idle)
            Release();
        else
            _ended.Cancel();
    }

    private bool Enter()
    {
        lock (_gate)
        {
            if (_end is not null)
                return false;
            _busy++;
            return true;
        }
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (--_busy > 0 || _end is null)
                return;
        }

        Release();
    }

    // Runs once: the call has ended and nobody is inside. A response that is not at its end is reset by its dispose.
    private void Release()
    {
        _deadline?.Dispose();
        _cancelled.Unregister();
        _closing.Unregister();
        _reader?.Complete();
        _answer?.Dispose();
    }

    private Status? Ended()
    {
        lock (_gate)
            return _end?.Status;
    }

    private Exception Failure()
    {
        lock (_gate)
        {
            (Status status, Metadata trailers) = _end!.Value;
            return _channel.Options.ThrowOperationCanceledOnCancellation
                && _options.CancellationToken.IsCancellationRequested
                && status.StatusCode == StatusCode.Cancelled
                ? new OperationCanceledException(status.Detail, status.DebugException, _options.CancellationToken)
                : new RpcException(status, trailers);
        }
    }

    private static TimeSpan? TimeLeft(DateTime? deadline)
    {
        if (deadline is not { } time || time == DateTime.MaxValue)
            return null;
        return time.Kind == DateTimeKind.Utc || time == DateTime.MinValue
            ? time - DateTime.UtcNow
            : throw new InvalidOperationException("a deadline must be UTC");
    }
}
