using System.Diagnostics;
using Xunit;

namespace Replication.Testing;

/// <summary>Waits for what another process or thread does and gives no signal of. Not for ordering steps of our own code: those have events.</summary>
public static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, TimeSpan? timeout = null)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < (timeout ?? TestTimeouts.Patience), "what was waited for has not come about");
            await Task.Delay(5);
        }
    }
}
