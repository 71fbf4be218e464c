namespace Grpc.Core;

/// <summary>A handler's way to send a stream.</summary>
public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>;
