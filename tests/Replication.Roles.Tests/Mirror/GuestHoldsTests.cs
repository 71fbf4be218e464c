using Replication.Block.Quorums;
using Replication.Roles.Primary;

namespace Replication.Roles.Tests.Mirror;

public class GuestHoldsTests
{
    [Fact]
    public void Writes_wait_until_the_end_of_every_session_is_settled()
    {
        var admission = new GuestAdmission();
        var holds = new GuestHolds(admission);
        var first = new object();
        var second = new object();
        holds.BeginSettling(first);
        holds.BeginSettling(second);
        holds.EndSettling(first);
        Assert.False(admission.AdmitsWrites);
        holds.EndSettling(first);
        Assert.False(admission.AdmitsWrites);
        holds.EndSettling(second);
        Assert.True(admission.AdmitsWrites);
    }
}
