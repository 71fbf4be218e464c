using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.Drill;

public sealed class DrillUsageTests
{
    [Theory]
    [InlineData("--scenario", "nothing")]
    [InlineData("--disks", "0")]
    [InlineData("--disks", "17")]
    [InlineData("--disks", "many")]
    [InlineData("--seconds", "0")]
    [InlineData("--size", "1MiB")]
    [InlineData("--size", "67108865")]
    [InlineData("--size", "10GiB")]
    [InlineData("--size", "big")]
    [InlineData("--seed", "-1")]
    [InlineData("--report")]
    public async Task Wrong_usage_is_exit_code_2(params string[] args) => (await Run.OfAsync(["drill", .. args])).AssertFailed(2);
}
