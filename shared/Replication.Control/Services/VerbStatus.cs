using Grpc.Core;
using Replication.Jobs;
using Replication.Roles;

namespace Replication.Control.Services;

/// <summary>The one map between a verb's failure and a gRPC status, both ways.</summary>
internal static class VerbStatus
{
    public static StatusCode CodeOf(VerbFailure failure) => failure switch
    {
        VerbFailure.Failed => StatusCode.Aborted,
        VerbFailure.Invalid => StatusCode.InvalidArgument,
        VerbFailure.Unreachable => StatusCode.Unavailable,
        VerbFailure.Refused => StatusCode.FailedPrecondition,
        _ => StatusCode.Internal,
    };

    public static StatusCode CodeOf(JobErrorKind kind) => kind switch
    {
        JobErrorKind.Refused => StatusCode.FailedPrecondition,
        JobErrorKind.Invalid => StatusCode.InvalidArgument,
        JobErrorKind.NotFound => StatusCode.NotFound,
        JobErrorKind.Failed => StatusCode.Aborted,
        _ => StatusCode.Internal,
    };

    /// <summary>A call that ended in any other way has failed; the server may or may not have done what was asked.</summary>
    public static VerbFailure FailureOf(StatusCode code) => code switch
    {
        StatusCode.InvalidArgument => VerbFailure.Invalid,
        StatusCode.Unavailable or StatusCode.DeadlineExceeded => VerbFailure.Unreachable,
        StatusCode.FailedPrecondition => VerbFailure.Refused,
        _ => VerbFailure.Failed,
    };

    /// <summary>
    /// Runs a verb and turns what it throws into a status. An unexpected exception stays one: the runtime logs it and tells its caller nothing.
    /// </summary>
    public static async Task<T> RunAsync<T>(Func<Task<T>> verb)
    {
        try
        {
            return await verb();
        }
        catch (VerbException e)
        {
            throw new RpcException(new Status(CodeOf(e.Failure), e.Message, e));
        }
        catch (JobException e)
        {
            throw new RpcException(new Status(CodeOf(e.Kind), e.Message, e));
        }
        catch (MalformedFieldException e)
        {
            throw new RpcException(new Status(StatusCode.InvalidArgument, e.Message, e));
        }
        catch (IOException e)
        {
            // An operating error, a BlockException among them, that no verb gave a meaning: it was tried and it failed.
            throw new RpcException(new Status(StatusCode.Aborted, e.Message, e));
        }
    }

    public static Task RunAsync(Func<Task> verb) => RunAsync<object?>(async () =>
    {
        await verb();
        return null;
    });
}
