using Replication.Roles.Mirror;

namespace Replication.Roles.Tests.Mirror;

public sealed class PayloadPoolTests
{
    private readonly PayloadPool _pool = new(limitBytes: 10_000);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(512, 512)]
    [InlineData(513, 1024)]
    [InlineData(4096, 4096)]
    [InlineData((1 << 20) + 1, 2 << 20)]
    public void An_array_is_the_next_power_of_two(int minimumLength, int length) => Assert.Equal(length, _pool.Rent(minimumLength).Length);

    [Fact]
    public void The_last_array_that_was_given_back_comes_first_and_only_for_its_size()
    {
        byte[] first = _pool.Rent(4096), second = _pool.Rent(4096);
        _pool.Return(first);
        _pool.Return(second);
        Assert.NotSame(second, _pool.Rent(2048));
        Assert.Same(second, _pool.Rent(4000));
        Assert.Same(first, _pool.Rent(4096));
        Assert.Equal(0, _pool.FreeBytes);
    }

    [Fact]
    public void It_keeps_no_more_than_its_limit()
    {
        byte[][] rented = [_pool.Rent(4096), _pool.Rent(4096), _pool.Rent(4096)];
        foreach (byte[] array in rented)
            _pool.Return(array);
        Assert.Equal(2 * 4096, _pool.FreeBytes);
    }
}
