namespace Replication.Nbd.Tests;

/// <summary>
/// A request's continuation runs on the client's receiving thread, inside its batch, and must not block there. A test that goes on to drive the peer by
/// blocking calls leaves that thread first.
/// </summary>
internal static class OffThreadExtensions
{
    public static async ValueTask OffThread(this ValueTask request)
    {
        try
        {
            await request;
        }
        finally
        {
            await Task.Yield();
        }
    }

    public static async ValueTask<T> OffThread<T>(this ValueTask<T> request)
    {
        try
        {
            return await request;
        }
        finally
        {
            await Task.Yield();
        }
    }
}
