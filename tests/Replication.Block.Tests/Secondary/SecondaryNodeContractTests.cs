using Replication.Testing;

namespace Replication.Block.Tests.Secondary;

/// <summary>A node over a fixture of its own, which it closes.</summary>
internal sealed class FixtureNode(BlockNode node, GroupFixture fixture) : BlockNode(node.Name, node.LengthBytes, node.Capabilities)
{
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await fixture.DisposeAsync();
    }

    protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => node.ReadAsync(offsetBytes, buffer);

    protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => node.WriteAsync(offsetBytes, data, flags);

    protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => node.WriteZeroesAsync(range, flags);

    protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => node.DiscardAsync(range, flags);

    protected override ValueTask FlushCore() => node.FlushAsync();

    protected override ValueTask<Extent> StatusCore(BlockRange range) => node.StatusAsync(range);
}

public sealed class RunningGuestContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: lengthBytes, fill: 0);
        return new FixtureNode(fixture.Guest, fixture);
    }
}

public sealed class FailedOverGuestContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: lengthBytes, fill: 0);
        // Every third block in hidden, some in active: requests are split.
        for (long offset = 0; offset < lengthBytes; offset += 3 * GroupFixture.BlockBytes)
            await fixture.Mirror().FillAsync(new BlockRange(offset, Math.Min(100, lengthBytes - offset)), 0x77);
        await fixture.Guest.FillAsync(new BlockRange(lengthBytes / 2, lengthBytes / 4), 0);
        await fixture.PromoteAsync();
        return new FixtureNode(fixture.Guest, fixture);
    }
}

public sealed class DoneGuestContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: lengthBytes, fill: 0);
        await fixture.FailoverAsync();
        return new FixtureNode(fixture.Guest, fixture);
    }
}

public sealed class MirrorTargetContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: lengthBytes, fill: 0);
        return new FixtureNode(fixture.Mirror(), fixture);
    }
}

public sealed class ComparingMirrorTargetContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.StartedAsync(lengthBytes: lengthBytes, fill: 0);
        fixture.Session.CompareBeforeWrite = true;
        return new FixtureNode(fixture.Mirror(), fixture);
    }
}

public sealed class SyncingMirrorTargetContractTests : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        GroupFixture fixture = await GroupFixture.CreateAsync(lengthBytes: lengthBytes, fill: 0);
        return new FixtureNode(fixture.Mirror(), fixture);
    }
}
