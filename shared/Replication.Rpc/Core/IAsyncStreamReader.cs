namespace Grpc.Core;

/// <summary>Messages that come in, one read at a time.</summary>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message that the last <see cref="MoveNext"/> brought.</summary>
    T Current { get; }

    /// <summary>Waits for the next message; false when the other side has ended the stream well. Cancelling the token cancels the whole call.</summary>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}
