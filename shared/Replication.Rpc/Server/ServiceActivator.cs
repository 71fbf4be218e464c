using Microsoft.Extensions.DependencyInjection;

namespace Replication.Rpc.Server;

/// <summary>Gives each call its service: the host's, or one made for the call and disposed after it.</summary>
internal sealed class ServiceActivator<TService>
    where TService : class
{
    private readonly ObjectFactory<TService> _create = ActivatorUtilities.CreateFactory<TService>(Type.EmptyTypes);

    public async Task<T> RunAsync<T>(IServiceProvider services, Func<TService, Task<T>> handler)
    {
        if (services.GetService<TService>() is { } shared)
            return await handler(shared);

        TService own = _create(services, null);
        try
        {
            return await handler(own);
        }
        finally
        {
            await DisposeAsync(own);
        }
    }

    public Task RunAsync(IServiceProvider services, Func<TService, Task> handler) => RunAsync<object?>(services, async service =>
    {
        await handler(service);
        return null;
    });

    private static ValueTask DisposeAsync(TService service)
    {
        if (service is IAsyncDisposable asynchronous)
            return asynchronous.DisposeAsync();
        (service as IDisposable)?.Dispose();
        return ValueTask.CompletedTask;
    }
}
