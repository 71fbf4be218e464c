using Replication.Nbd.Server;
using Replication.Nbd.Wire;
using Replication.Testing;

namespace Replication.Nbd.Tests.Server;

/// <summary>Every command × every flag × every place of the range, over a writable, a read-only and a structured session.</summary>
public class RequestCheckTests
{
    private const int LengthBytes = 1 << 20;

    private static readonly Command[] s_commands =
        [Command.Read, Command.Write, Command.Flush, Command.Trim, Command.Cache, Command.WriteZeroes,
         Command.BlockStatus, Command.Resize, (Command)9, (Command)0xffff];

    private static readonly SessionContext[] s_contexts = [new(1, AllocationDepthContext.OfOneLayer)];

    public static TheoryData<bool, bool> Sessions => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    [Theory]
    [MemberData(nameof(Sessions))]
    public void Every_flag_of_every_command_is_taken_or_refused(bool readOnly, bool structured)
    {
        Session session = NewSession(readOnly, structured);
        foreach (Command command in s_commands)
        {
            for (int bit = 0; bit < 16; bit++)
            {
                var flag = (CommandFlags)(1 << bit);
                NbdError expected = Expected(command, flag, readOnly, structured);
                Assert.Equal(
                    (command, flag, expected), (command, flag, RequestCheck.Check(Header(command, flag, 0, command == Command.Flush ? 0u : 512u), session)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sessions))]
    public void Every_command_checks_its_range(bool readOnly, bool structured)
    {
        Session session = NewSession(readOnly, structured);
        foreach (Command command in s_commands)
        {
            if (command == Command.Flush)
                continue;
            NbdError inside = Expected(command, CommandFlags.None, readOnly, structured);
            NbdError outside = inside != NbdError.None ? inside : command is Command.Write or Command.WriteZeroes ? NbdError.NoSpace : NbdError.Inval;
            AssertCheck(inside, command, LengthBytes - 512, 512);
            AssertCheck(inside, command, LengthBytes - 1, 1);
            AssertCheck(outside, command, LengthBytes - 511, 512);
            AssertCheck(outside, command, LengthBytes, 1);
            AssertCheck(outside, command, LengthBytes + 1, 1);
            AssertCheck(outside, command, ulong.MaxValue, 1);
            AssertCheck(outside, command, ulong.MaxValue - 511, 512);
            AssertCheck(outside, command, 1ul << 63, 512);
            AssertCheck(outside, command, 1, LengthBytes);
            AssertCheck(command == Command.BlockStatus && inside == NbdError.None ? NbdError.Inval : inside, command, LengthBytes, 0);
        }

        void AssertCheck(NbdError expected, Command command, ulong offset, uint length) =>
            Assert.Equal((command, offset, expected), (command, offset, RequestCheck.Check(Header(command, CommandFlags.None, offset, length), session)));
    }

    [Fact]
    public void Payloads_above_the_limit_are_refused_whatever_the_length_of_the_disk()
    {
        var session = new Session(new NbdExport("big", new HugeNode()), Structured: true, s_contexts);
        const uint limit = Limits.MaxPayloadBytes;
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.Read, CommandFlags.None, 0, limit), session));
        Assert.Equal(NbdError.Inval, RequestCheck.Check(Header(Command.Read, CommandFlags.None, 0, limit + 1), session));
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.Write, CommandFlags.None, 0, limit), session));
        Assert.Equal(NbdError.Inval, RequestCheck.Check(Header(Command.Write, CommandFlags.None, 0, limit + 1), session));
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.WriteZeroes, CommandFlags.None, 0, uint.MaxValue), session));
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.Trim, CommandFlags.None, 0, uint.MaxValue), session));
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.BlockStatus, CommandFlags.None, 0, uint.MaxValue), session));
    }

    [Fact]
    public void A_flush_has_no_range()
    {
        Session session = NewSession(readOnly: false, structured: false);
        Assert.Equal(NbdError.None, RequestCheck.Check(Header(Command.Flush, CommandFlags.None, 0, 0), session));
        Assert.Equal(NbdError.Inval, RequestCheck.Check(Header(Command.Flush, CommandFlags.None, 512, 0), session));
        Assert.Equal(NbdError.Inval, RequestCheck.Check(Header(Command.Flush, CommandFlags.None, 0, 512), session));
    }

    private static NbdError Expected(Command command, CommandFlags flag, bool readOnly, bool structured)
    {
        bool known = command is Command.Read or Command.Write or Command.Flush or Command.Trim or Command.WriteZeroes
            || (command == Command.BlockStatus && structured);
        if (!known)
            return NbdError.Inval;
        if (readOnly && command is (Command.Write or Command.Trim or Command.WriteZeroes))
            return NbdError.Perm;
        bool allowed = flag switch
        {
            CommandFlags.None or CommandFlags.Fua => true,
            CommandFlags.NoHole => command == Command.WriteZeroes,
            CommandFlags.Df => command == Command.Read && structured,
            CommandFlags.ReqOne => command == Command.BlockStatus,
            _ => false,
        };
        return allowed ? NbdError.None : NbdError.Inval;
    }

    private static RequestHeader Header(Command command, CommandFlags flags, ulong offset, uint length) => new(flags, command, 1, offset, length);

    private static Session NewSession(bool readOnly, bool structured) =>
        new(new NbdExport("disk0", new MemoryNode(LengthBytes)) { ReadOnly = readOnly }, structured, structured ? s_contexts : []);

    private sealed class HugeNode() : Block.BlockNode("huge", long.MaxValue, Block.NodeCapabilities.AllEmulated)
    {
        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => default;

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, Block.WriteFlags flags) => default;

        protected override ValueTask FlushCore() => default;
    }
}
