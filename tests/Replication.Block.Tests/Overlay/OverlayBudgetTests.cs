using Replication.Block.Overlay;

namespace Replication.Block.Tests.Overlay;

public sealed class OverlayBudgetTests
{
    private readonly List<(OverlayPressure Pressure, long UsedBytes, long LimitBytes)> _told = [];

    [Fact]
    public void What_would_pass_the_limit_is_not_taken()
    {
        var budget = new OverlayBudget(100, 100, null);
        Assert.True(budget.TryTake(60));
        Assert.False(budget.TryTake(41));
        Assert.Equal((60, 40), (budget.UsedBytes, budget.FreeBytes));
        Assert.True(budget.TryTake(40));
        budget.Give(100);
        Assert.Equal((0, 100), (budget.UsedBytes, budget.FreeBytes));
    }

    [Fact]
    public void What_the_reserve_has_freed_is_the_guests_alone()
    {
        var budget = new OverlayBudget(100, 100, null);
        Assert.True(budget.TrySetAside(20));
        Assert.True(budget.TryTake(80));
        Assert.False(budget.TryTakeForGuest(10));
        budget.FreeSetAside(20);
        Assert.False(budget.TryTake(1));
        Assert.True(budget.TryTakeForGuest(15));
        Assert.False(budget.TryTakeForGuest(6));
        Assert.Equal((95, 5), (budget.UsedBytes, budget.ReserveBytes));
        budget.Give(95);
        Assert.True(budget.TrySetAside(20));
        Assert.Equal((0, 20), (budget.UsedBytes, budget.ReserveBytes));
    }

    [Fact]
    public void Each_limit_is_told_once_an_epoch()
    {
        var budget = new OverlayBudget(100, 50, (pressure, used, limit) => _told.Add((pressure, used, limit)));
        Assert.True(budget.TryTake(49));
        Assert.Empty(_told);
        Assert.True(budget.TryTake(1));
        Assert.True(budget.TryTake(1));
        budget.TellHard();
        budget.TellHard();
        Assert.Equal([(OverlayPressure.Soft, 50, 50), (OverlayPressure.Hard, 51, 100)], _told);
        budget.BeginEpoch();
        Assert.True(budget.TryTake(1));
        Assert.Equal(3, _told.Count);
    }

    [Fact]
    public void A_set_that_is_on_its_way_out_asks_for_no_checkpoint()
    {
        var budget = new OverlayBudget(100, 50, (pressure, used, limit) => _told.Add((pressure, used, limit)));
        budget.Take(60);
        budget.BeginRetiring(60);
        budget.BeginEpoch();
        Assert.True(budget.TryTake(10));
        Assert.Empty(_told);
        budget.GiveRetired(60);
        Assert.Equal(10, budget.UsedBytes);
        Assert.True(budget.TryTake(40));
        Assert.Single(_told);
    }

    [Fact]
    public void A_soft_limit_inside_the_reserve_is_told_before_the_hard_one()
    {
        var budget = new OverlayBudget(100, 100, (pressure, used, limit) => _told.Add((pressure, used, limit)));
        Assert.True(budget.TrySetAside(20));
        Assert.True(budget.TryTake(80));
        Assert.Equal(OverlayPressure.Soft, Assert.Single(_told).Pressure);
    }
}
