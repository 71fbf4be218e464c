using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Replication.Rpc.Server;

/// <summary>Makes an endpoint of each method that a generated <c>BindService</c> names, and finds the service's own method for it.</summary>
/// <remarks>Methods with a stream of requests answer UNIMPLEMENTED: they come with the first feature that sends one.</remarks>
internal sealed class ServiceMethodBinder<TService>(IEndpointRouteBuilder routes) : ServiceBinderBase
    where TService : class
{
    private readonly List<IEndpointConventionBuilder> _endpoints = [];
    private readonly ServiceActivator<TService> _activator = new();
    private readonly GrpcServiceOptions _options = routes.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;
    private readonly ILogger _logger = routes.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger<TService>();

    public IReadOnlyList<IEndpointConventionBuilder> Endpoints => _endpoints;

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var implementation = Find<Func<TService, TRequest, ServerCallContext, Task<TResponse>>>(method, typeof(TRequest), typeof(ServerCallContext));
        Map(method, async call =>
        {
            TRequest request = await call.ReadOnlyRequestAsync(method.RequestMarshaller);
            TResponse response = await _activator.RunAsync(call.HttpContext.RequestServices, service => implementation(service, request, call));
            await call.WriteOnlyResponseAsync(method.ResponseMarshaller, response);
        });
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var implementation = Find<Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>>(
            method, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        Map(method, async call =>
        {
            TRequest request = await call.ReadOnlyRequestAsync(method.RequestMarshaller);
            var stream = new ServerStreamWriter<TResponse>(call, method.ResponseMarshaller);
            await _activator.RunAsync(call.HttpContext.RequestServices, service => implementation(service, request, stream, call));
            call.ThrowIfEnded(); // a stream that was cut short must not look whole
        });
    }

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler) =>
        Map(method, _ => throw NoRequestStreams(method));

    public override void AddMethod<TRequest, TResponse>(Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler) =>
        Map(method, _ => throw NoRequestStreams(method));

    private void Map(IMethod method, Func<HttpServerCall, Task> handler) => _endpoints.Add(
        routes.MapPost(method.FullName, (RequestDelegate)(http => HttpServerCall.RunAsync(http, method, _options, _logger, handler)))
            .WithDisplayName($"gRPC {method.FullName}"));

    private static TDelegate Find<TDelegate>(IMethod method, params Type[] parameters)
        where TDelegate : Delegate
    {
        MethodInfo implementation = typeof(TService).GetMethod(method.Name, BindingFlags.Instance | BindingFlags.Public, parameters)
            ?? throw new InvalidOperationException($"{typeof(TService)} has no method {method.Name}");
        return implementation.CreateDelegate<TDelegate>();
    }

    private static RpcException NoRequestStreams(IMethod method) =>
        new(new Status(StatusCode.Unimplemented, $"{method.FullName}: streams of requests are not supported by this runtime yet"));
}
