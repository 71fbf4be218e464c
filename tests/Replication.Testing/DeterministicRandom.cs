using Xunit;

namespace Replication.Testing;

/// <summary>Random numbers that a seed gives back: printed by every test that uses them, set with REPLICATION_TEST_SEED.</summary>
public static class DeterministicRandom
{
    private const string SeedVariable = "REPLICATION_TEST_SEED";

    public static Random Create()
    {
        int seed = Environment.GetEnvironmentVariable(SeedVariable) is { Length: > 0 } text
            ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"{SeedVariable}={seed}");
        // A failing test shows its output, but a process that dies does not.
        Console.Error.WriteLine($"{TestContext.Current.Test?.TestDisplayName}: {SeedVariable}={seed}");
        return new Random(seed);
    }

    public static byte[] Bytes(this Random random, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        random.NextBytes(bytes);
        return bytes;
    }
}
