namespace Grpc.Core;

/// <summary>Messages that go out, one write at a time. A write ends when the transport has taken the message: a slow reader slows the writer.</summary>
public interface IAsyncStreamWriter<in T>
{
    WriteOptions? WriteOptions { get; set; }

    Task WriteAsync(T message);

    Task WriteAsync(T message, CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? throw new NotSupportedException("this stream takes no token for a write") : WriteAsync(message);
}
