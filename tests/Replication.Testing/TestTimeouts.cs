namespace Replication.Testing;

/// <summary>How long a test waits for what must happen before it fails: long enough for the busiest machine.</summary>
public static class TestTimeouts
{
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(30);
}
