using Replication.Block;
using Replication.Controller.Drill.Model;
using Replication.Controller.Nodes;

namespace Replication.Controller.Tests.Drill;

public sealed class GroupModelTests
{
    private const int LengthBytes = 64 << 10;

    private readonly GroupModel _model = new([new byte[LengthBytes], new byte[LengthBytes]]);

    [Fact]
    public void A_write_is_seen_by_its_own_guest_only_until_the_checkpoint()
    {
        Write(NodeSide.Primary, 0, 100, 0x11);
        Assert.Null(_model.CheckPrimary(0, 100, [0x11]));
        Assert.Equal(new Mismatch(0, 100, 0, 0x11, 1), _model.CheckView(0, 100, [0x11]));
        Checkpoint();
        Assert.Null(_model.CheckView(0, 100, [0x11]));
    }

    [Fact]
    public void A_checkpoint_drops_what_the_secondarys_guest_wrote_before_it()
    {
        Write(NodeSide.Secondary, 0, 100, 0x22);
        Assert.Null(_model.CheckView(0, 100, [0x22]));
        Checkpoint();
        Assert.Null(_model.CheckView(0, 100, [0]));
        Write(NodeSide.Secondary, 0, 100, 0x33);
        Assert.Null(_model.CheckView(0, 100, [0x33]));
        Assert.Null(_model.CheckPrimary(0, 100, [0]));
    }

    [Fact]
    public void An_aborted_checkpoint_changes_nothing()
    {
        Write(NodeSide.Primary, 0, 100, 0x11);
        Write(NodeSide.Secondary, 0, 200, 0x22);
        GuestRequest inFlight = Begin(NodeSide.Secondary, 0, 300, 0x33);
        Activate();
        Assert.Null(_model.EndCheckpoint(committed: false));
        Assert.Null(_model.Complete(inFlight));
        Assert.Null(_model.CheckView(0, 100, [0]));
        Assert.Null(_model.CheckView(0, 200, [0x22]));
        Assert.NotNull(_model.CheckView(0, 300, [0]));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void A_request_that_met_the_checkpoint_is_wholly_in_or_wholly_out(bool ofThePrimary, bool acknowledgedDuring)
    {
        NodeSide guest = ofThePrimary ? NodeSide.Primary : NodeSide.Secondary;
        GuestRequest request = Begin(guest, 0, 100, 0x11, 0x12);
        Activate();
        if (acknowledgedDuring)
            _model.Complete(request);
        Assert.Null(_model.EndCheckpoint(committed: true));
        if (!acknowledgedDuring)
            _model.Complete(request);

        Assert.NotNull(_model.CheckView(0, 100, [0x11, 0]));
        Assert.NotNull(_model.CheckView(0, 100, [0, 0x12]));
        Assert.Null(_model.CheckView(0, 99, [0, 0x11, 0x12, 0]));
        // Settled: it stays where it was first seen.
        Assert.NotNull(_model.CheckView(0, 100, [0, 0]));
        Assert.Null(_model.CheckView(0, 101, [0x12]));
    }

    [Fact]
    public void A_later_write_over_an_open_range_settles_only_its_own_bytes()
    {
        GuestRequest request = Begin(NodeSide.Primary, 0, 100, 0x11, 0x12, 0x13);
        Activate();
        _model.EndCheckpoint(committed: true);
        _model.Complete(request);
        Write(NodeSide.Secondary, 0, 101, 0x44);
        Assert.NotNull(_model.CheckView(0, 100, [0, 0x12, 0]));
        Assert.NotNull(_model.CheckView(0, 100, [0x11, 0x44, 0]));
        Assert.Null(_model.CheckView(0, 100, [0, 0x44, 0]));
    }

    [Fact]
    public void What_was_open_is_settled_by_the_next_checkpoint()
    {
        GuestRequest request = Begin(NodeSide.Primary, 0, 100, 0x11);
        Activate();
        _model.EndCheckpoint(committed: true);
        _model.Complete(request);
        Checkpoint();
        Assert.NotNull(_model.CheckView(0, 100, [0]));
        Assert.Null(_model.CheckView(0, 100, [0x11]));
    }

    [Theory]
    [InlineData(new byte[] { 0, 0 }, true)]
    [InlineData(new byte[] { 0x11, 0x12 }, true)]
    [InlineData(new byte[] { 0, 0x12 }, false)]
    public void A_read_that_met_the_checkpoint_saw_one_view(byte[] seen, bool right)
    {
        Write(NodeSide.Primary, 0, 100, 0x11, 0x12);
        var read = new GuestRequest(NodeSide.Secondary, 0, RequestKind.Read, new BlockRange(100, 2), seen);
        Assert.True(_model.TryBegin(read));
        Activate();
        Assert.Null(_model.Complete(read));
        Assert.Equal(right, _model.EndCheckpoint(committed: true) is null);
    }

    [Fact]
    public void A_guests_own_requests_never_overlap_and_the_two_guests_only_away_from_checkpoints()
    {
        GuestRequest first = Begin(NodeSide.Primary, 0, 100, 1, 2, 3);
        Assert.False(_model.TryBegin(RequestOf(NodeSide.Primary, 0, 102, 9)));
        Assert.True(_model.TryBegin(RequestOf(NodeSide.Primary, 1, 102, 9)));
        GuestRequest other = Begin(NodeSide.Secondary, 0, 102, 9);
        _model.AnnounceCheckpoint();
        Assert.False(_model.TryActivateCheckpoint());
        _model.Complete(other);
        Assert.False(_model.TryBegin(RequestOf(NodeSide.Secondary, 0, 102, 9)));
        Assert.True(_model.TryActivateCheckpoint());
        _model.Complete(first);
        // Used while the checkpoint is under way: not again before its end.
        Assert.False(_model.TryBegin(RequestOf(NodeSide.Primary, 0, 100, 9)));
        _model.EndCheckpoint(committed: true);
        Assert.True(_model.TryBegin(RequestOf(NodeSide.Primary, 0, 100, 9)));
    }

    [Fact]
    public void A_request_in_the_view_without_one_that_came_before_it_is_found()
    {
        Activate();
        GuestRequest first = Begin(NodeSide.Primary, 0, 100, 0x11);
        _model.Complete(first);
        GuestRequest second = Begin(NodeSide.Primary, 1, 200, 0x22);
        _model.Complete(second);
        _model.EndCheckpoint(committed: true);

        Assert.Null(_model.CheckView(0, 100, [0]));
        Assert.Null(_model.CheckCut());
        Assert.Null(_model.CheckView(1, 200, [0x22]));
        Assert.Contains("no single instant", _model.CheckCut(), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_the_secondarys_guest_the_earlier_request_is_the_one_that_goes()
    {
        Activate();
        GuestRequest first = Begin(NodeSide.Secondary, 0, 100, 0x11);
        _model.Complete(first);
        GuestRequest second = Begin(NodeSide.Secondary, 1, 200, 0x22);
        _model.Complete(second);
        _model.EndCheckpoint(committed: true);

        Assert.Null(_model.CheckView(1, 200, [0]));
        Assert.Null(_model.CheckCut());
        Assert.Null(_model.CheckView(0, 100, [0x11]));
        Assert.Contains("no single instant", _model.CheckCut(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_write_that_died_with_its_node_may_be_torn_but_nothing_else_may()
    {
        Write(NodeSide.Primary, 0, 100, 1, 2, 3, 4);
        GuestRequest request = Begin(NodeSide.Primary, 0, 101, 7, 8);
        _model.Abandon(request);
        Assert.Null(_model.CheckPrimary(0, 100, [1, 7, 3, 4]));
        Assert.Null(_model.CheckPrimary(0, 100, [1, 2, 8, 4]));
        Assert.Equal(new Mismatch(0, 102, 3, 9, 1), _model.CheckPrimary(0, 100, [1, 7, 9, 4]));
        Assert.NotNull(_model.CheckPrimary(0, 100, [7, 7, 8, 4]));
    }

    [Fact]
    public void A_mismatch_says_where_and_how_much()
    {
        Mismatch? found = _model.CheckView(1, 10, [0, 0, 5, 0, 6]);
        Assert.Equal(new Mismatch(1, 12, 0, 5, 2), found);
        Assert.Equal("disk1 at byte 12: expected 0x00, found 0x05 (2 bytes differ)", found!.ToString());
    }

    private static GuestRequest RequestOf(NodeSide guest, int disk, long offsetBytes, params byte[] data) =>
        new(guest, disk, RequestKind.Write, new BlockRange(offsetBytes, data.Length), data);

    private GuestRequest Begin(NodeSide guest, int disk, long offsetBytes, params byte[] data)
    {
        GuestRequest request = RequestOf(guest, disk, offsetBytes, data);
        Assert.True(_model.TryBegin(request));
        return request;
    }

    private void Write(NodeSide guest, int disk, long offsetBytes, params byte[] data) => Assert.Null(_model.Complete(Begin(guest, disk, offsetBytes, data)));

    private void Activate()
    {
        _model.AnnounceCheckpoint();
        Assert.True(_model.TryActivateCheckpoint());
    }

    private void Checkpoint()
    {
        Activate();
        Assert.Null(_model.EndCheckpoint(committed: true));
    }
}
