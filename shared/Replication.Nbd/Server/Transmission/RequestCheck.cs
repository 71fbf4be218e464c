using Replication.Block;
using Replication.Nbd.Wire;

namespace Replication.Nbd.Server;

/// <summary>
/// All checks of a client's request, in one place: what passes may be given to the block node as it is. The connection goes on after a refusal.
/// (Bit tests by hand here and in the replies: Enum.HasFlag allocates until the code is optimised.)
/// </summary>
internal static class RequestCheck
{
    public static NbdError Check(in RequestHeader request, Session session)
    {
        TransmissionFlags offers = session.Flags;
        bool known = request.Command switch
        {
            Command.Read or Command.Write or Command.Flush => true,
            Command.Trim => (offers & TransmissionFlags.Trim) != 0 || session.Export.ReadOnly,
            Command.WriteZeroes => (offers & TransmissionFlags.WriteZeroes) != 0 || session.Export.ReadOnly,
            Command.BlockStatus => session.Contexts.Count > 0,
            _ => false,
        };
        if (!known)
            return NbdError.Inval;
        if (session.Export.ReadOnly && (request.Command is Command.Write or Command.WriteZeroes || IsUnofferedTrim(request, offers)))
            return NbdError.Perm;
        return CheckFlagsAndRange(request, session);
    }

    private static bool IsUnofferedTrim(in RequestHeader request, TransmissionFlags offers) =>
        request.Command == Command.Trim && (offers & TransmissionFlags.Trim) == 0;

    private static NbdError CheckFlagsAndRange(in RequestHeader request, Session session)
    {
        if ((request.Flags & ~AllowedFlags(request.Command, session.Flags)) != 0)
            return NbdError.Inval;
        if (request.Command == Command.Flush)
            return request.OffsetBytes == 0 && request.LengthBytes == 0 ? NbdError.None : NbdError.Inval;
        if (request.Command is Command.Read or Command.Write && request.LengthBytes > Limits.MaxPayloadBytes)
            return NbdError.Inval;
        if (request.Command == Command.BlockStatus && request.LengthBytes == 0)
            return NbdError.Inval;
        ulong lengthBytes = (ulong)session.Export.Node.LengthBytes;
        if (request.OffsetBytes > lengthBytes || request.LengthBytes > lengthBytes - request.OffsetBytes)
            return ErrorMap.OutOfRange(Operation(request.Command));
        return NbdError.None;
    }

    private static CommandFlags AllowedFlags(Command command, TransmissionFlags offers)
    {
        // FUA is allowed, and means nothing, on commands that do not write.
        CommandFlags fua = (offers & TransmissionFlags.Fua) != 0 ? CommandFlags.Fua : CommandFlags.None;
        return fua | command switch
        {
            Command.Read when (offers & TransmissionFlags.Df) != 0 => CommandFlags.Df,
            Command.WriteZeroes => CommandFlags.NoHole,
            Command.BlockStatus => CommandFlags.ReqOne,
            _ => CommandFlags.None,
        };
    }

    private static BlockOperation Operation(Command command) => command switch
    {
        Command.Read => BlockOperation.Read,
        Command.Write => BlockOperation.Write,
        Command.WriteZeroes => BlockOperation.WriteZeroes,
        Command.Trim => BlockOperation.Discard,
        _ => BlockOperation.Status,
    };
}
