using Replication.Block;
using Replication.Roles.Mirror;
using Replication.Testing;

namespace Replication.Roles.Tests.Mirror;

/// <summary>The contract over a link alone.</summary>
public sealed class MirrorLinkContractTests : BlockNodeContract
{
    protected override ValueTask<BlockNode> CreateAsync(long lengthBytes) =>
        new(new MirrorFixture(lengthBytes: lengthBytes, peer: disk => disk).Link);
}

/// <summary>The contract over a quorum with both children, each acknowledgement mode; the disks are equal afterwards.</summary>
public abstract class MirroredQuorumContractTests(Acknowledge acknowledge) : BlockNodeContract, IAsyncLifetime
{
    private MirrorFixture? _fixture;

    public ValueTask InitializeAsync() => default;

    public async ValueTask DisposeAsync()
    {
        if (_fixture is not null)
        {
            Assert.Equal(DrainResult.Drained, await _fixture.Session.DrainAsync(TestTimeouts.Patience));
            await _fixture.AssertSameAsync();
            await _fixture.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        _fixture = await MirrorFixture.AttachedAsync(new MirrorSessionOptions { Acknowledge = acknowledge }, lengthBytes, peer: disk => disk);
        return _fixture.Quorum;
    }
}

public sealed class AppliedQuorumContractTests() : MirroredQuorumContractTests(Acknowledge.Applied);

public sealed class LocalQuorumContractTests() : MirroredQuorumContractTests(Acknowledge.Local);
