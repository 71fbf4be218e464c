using Replication.Block.Files;
using Replication.Testing;

namespace Replication.Block.Tests.Files;

/// <summary>What a raw file says of a range while another thread punches it.</summary>
public sealed class StatusRaceTests : IDisposable
{
    private const int Rounds = 200_000;

    private readonly BlockingWorkers _workers = new();
    private readonly TempDirectory _directory = new("/dev/shm");

    [Fact]
    public async Task A_status_that_is_asked_while_the_range_is_punched_has_a_length()
    {
        await using RawFile disk = RawFile.CreatePrivate("disk0", _directory["disk0.raw"], 1 << 20, _workers);
        var range = new BlockRange(0, 4096);
        bool done = false;
        Task punching = Task.Run(async () =>
        {
            byte[] data = new byte[4096];
            data.AsSpan().Fill(0x77);
            while (!Volatile.Read(ref done))
            {
                await disk.WriteAsync(0, data);
                await disk.WriteZeroesAsync(range);
            }
        }, TestContext.Current.CancellationToken);
        try
        {
            for (int i = 0; i < Rounds; i++)
                Assert.NotEqual(0, (await disk.StatusAsync(range)).LengthBytes);
        }
        finally
        {
            Volatile.Write(ref done, true);
            await punching;
        }
    }

    public void Dispose()
    {
        _workers.Dispose();
        _directory.Dispose();
    }
}
