namespace Replication.Interop.Support;

/// <summary>Owns the pairs of a test, and shows what their nodes said where the test fails.</summary>
public abstract class InteropTest : IAsyncDisposable
{
    /// <summary>No test of this assembly may take longer; a hung one must not hang the run.</summary>
    private protected const int TestTimeoutMs = 180_000;

    private readonly List<Pair> _pairs = [];

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        bool failed = TestContext.Current.TestState?.Result == TestResult.Failed;
        foreach (Pair pair in _pairs)
        {
            if (failed)
                TestContext.Current.TestOutputHelper?.WriteLine(pair.Logs());
            await pair.DisposeAsync();
        }
    }

    private protected Pair CreatePair(PairOptions? options = null)
    {
        var pair = Pair.Create(options ?? new PairOptions());
        _pairs.Add(pair);
        return pair;
    }

    /// <summary>Both processes run; nothing replicates.</summary>
    private protected async Task<Pair> StartNodesAsync(PairOptions? options = null)
    {
        Pair pair = CreatePair(options);
        await pair.StartNodesAsync();
        return pair;
    }

    /// <summary>A pair that replicates.</summary>
    private protected async Task<Pair> StartPairAsync(PairOptions? options = null)
    {
        Pair pair = await StartNodesAsync(options);
        await pair.DoAsync("start");
        return pair;
    }
}
