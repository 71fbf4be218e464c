using System.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;
using Replication.Rpc.Server;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Puts services behind a host's endpoints.</summary>
public static class GrpcEndpointRouteBuilderExtensions
{
    /// <summary>Maps every method of the service. An instance is taken from the host's services, or made for each call.</summary>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        BindServiceMethodAttribute attribute = typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException($"{typeof(TService)} does not derive from a generated service base");
        MethodInfo bind = attribute.BindType
            .GetMethods(BindingFlags.Static | BindingFlags.Public)
            .Single(method => method.Name == attribute.BindMethodName
                && method.GetParameters() is [{ } binder, _]
                && binder.ParameterType == typeof(ServiceBinderBase));

        var methods = new ServiceMethodBinder<TService>(builder);
        bind.Invoke(null, [methods, null]);
        return new GrpcServiceEndpointConventionBuilder(methods.Endpoints);
    }
}
