using Replication.Block.Tests.Secondary.Simulation;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

public sealed class InterleavingTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Random_interleavings_and_kills_agree_with_the_model(bool failures)
    {
        Random seeds = DeterministicRandom.Create();
        for (int round = 0; round < 500; round++)
        {
            int seed = seeds.Next();
            try
            {
                await new Interleaving(seed, failures).RunAsync().WaitAsync(TestTimeouts.Patience);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"round {round}, seed {seed}, failures {failures}: {e.Message}", e);
            }
        }
    }
}
