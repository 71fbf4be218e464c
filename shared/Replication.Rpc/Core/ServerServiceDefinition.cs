namespace Grpc.Core;

/// <summary>
/// A service bound to one instance. Generated code can make it; <c>MapGrpcService</c> binds types instead, so it stays a list of binding steps.
/// </summary>
public sealed class ServerServiceDefinition
{
    private readonly IReadOnlyList<Action<ServiceBinderBase>> _steps;

    private ServerServiceDefinition(IReadOnlyList<Action<ServiceBinderBase>> steps) => _steps = steps;

    public static Builder CreateBuilder() => new();

    internal void BindService(ServiceBinderBase serviceBinder)
    {
        foreach (Action<ServiceBinderBase> step in _steps)
            step(serviceBinder);
    }

    /// <summary>Collects the methods.</summary>
    public sealed class Builder
    {
        private readonly List<Action<ServiceBinderBase>> _steps = [];

        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(binder => binder.AddMethod(method, handler));

        public ServerServiceDefinition Build() => new([.. _steps]);

        private Builder Add(Action<ServiceBinderBase> step)
        {
            _steps.Add(step);
            return this;
        }
    }
}
