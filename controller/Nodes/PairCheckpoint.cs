// The pair's checkpoint, as a controller without VM state takes it: crash-consistent, over all disks.
//
//   1. GetStatus of both nodes: an unreachable one is found before the guest is held, and both connections are warm when it is.
//   2. BeginCheckpoint on the primary: drains, then holds guest writes under a lease.
//   3. CommitCheckpoint on the secondary. From here on its record is the truth.
//   4. EndCheckpoint on the primary: releases the guest, with what is known: committed, aborted, or unknown (the commit's reply was lost; the primary
//      then asks the secondary until it knows).
//
// Step 4 follows step 2 whatever happens, the user's interrupt included. A controller that dies in between frees the guest all the same: the lease runs out.

using System.Diagnostics;
using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Nodes;

/// <summary>Takes one checkpoint of the pair.</summary>
internal static class PairCheckpoint
{
    // The guest is held while this process works: what it will run then is compiled before.
    private static readonly Lazy<bool> s_rehearsed = new(Rehearse);
    private static readonly ByteString s_id = ByteString.CopyFrom(new byte[16]);

    public static async Task<CheckpointResult> TakeAsync(NodeClient primary, NodeClient secondary, CancellationToken cancellationToken)
    {
        await CheckReachableAsync(primary, secondary, cancellationToken);
        _ = s_rehearsed.Value;
        long began = Stopwatch.GetTimestamp();
        BeginCheckpointResponse begun = await primary.CallWatchedAsync(
            (s, o) => s.BeginCheckpointAsync(new BeginCheckpointRequest(), o), null, cancellationToken);

        CommitCheckpointResponse? committed = null;
        CliException? failure = null;
        try
        {
            committed = await secondary.CallAsync((s, o) => s.CommitCheckpointAsync(Commit(begun), o), CancellationToken.None);
        }
        catch (CliException e)
        {
            failure = e;
        }

        CheckpointOutcome outcome = failure is null ? CheckpointOutcome.Committed : OutcomeOf(failure);
        EndCheckpointResponse ended = await EndAsync(primary, begun.Epoch, outcome, failure);
        if (failure is not null)
            throw Explain(failure, outcome, begun.Epoch);
        return new CheckpointResult(
            begun.Epoch, Stopwatch.GetElapsedTime(began).TotalMilliseconds, ended.HoldMs, begun.DrainMs, committed!.CommitMs, begun.DrainedBytes);
    }

    /// <summary>What may be said of a commit that failed: aborted only where the secondary itself said no.</summary>
    internal static CheckpointOutcome OutcomeOf(CliException failure) => NodeFailure.StatusOf(failure) switch
    {
        StatusCode.FailedPrecondition or StatusCode.Aborted or StatusCode.InvalidArgument or StatusCode.OutOfRange or StatusCode.NotFound
            or StatusCode.Unimplemented => CheckpointOutcome.Aborted,
        _ => CheckpointOutcome.Unknown,
    };

    private static bool Rehearse()
    {
        var begun = BeginCheckpointResponse.Parser.ParseFrom(
            new BeginCheckpointResponse
            {
                Epoch = 1,
                Generation = new Generation { Number = 1, Id = s_id, ParentId = s_id },
                Session = s_id,
                DrainMs = 1
            }.ToByteArray());
        _ = Commit(begun).ToByteArray();
        _ = CommitCheckpointResponse.Parser.ParseFrom(new CommitCheckpointResponse { Epoch = 1, CommitMs = 1 }.ToByteArray());
        _ = new EndCheckpointRequest { Epoch = 1, Outcome = CheckpointOutcome.Committed }.ToByteArray();
        return EndCheckpointResponse.Parser.ParseFrom(new EndCheckpointResponse { Epoch = 1, HoldMs = 1 }.ToByteArray()).Epoch == begun.Epoch;
    }

    private static CommitCheckpointRequest Commit(BeginCheckpointResponse begun) => new()
    {
        Generation = begun.Generation,
        Epoch = begun.Epoch,
        Session = begun.Session,
        AnsweredWrites = begun.AnsweredWrites,
        Attempt = begun.Attempt,
    };

    private static async Task<EndCheckpointResponse> EndAsync(NodeClient primary, ulong epoch, CheckpointOutcome outcome, CliException? failure)
    {
        try
        {
            return await primary.CallAsync(
                (s, o) => s.EndCheckpointAsync(new EndCheckpointRequest { Epoch = epoch, Outcome = outcome }, o), CancellationToken.None);
        }
        catch (CliException e) when (failure is not null)
        {
            // The commit's failure is the news; the lease frees the guest.
            throw Explain(failure, outcome, epoch, $"; then {e.Message}");
        }
        catch (CliException e)
        {
            throw new CliException(e.ExitCode, $"epoch {epoch} is committed on the secondary, but {e.Message}; the primary adopts it", e);
        }
    }

    private static CliException Explain(CliException failure, CheckpointOutcome outcome, ulong epoch, string more = "") => new(
        failure.ExitCode,
        outcome == CheckpointOutcome.Aborted
            ? $"checkpoint {epoch} aborted: {failure.Message}{more}"
            : $"checkpoint {epoch} has an unknown outcome: {failure.Message}{more}; the primary asks the secondary until "
                + "it knows (coloctl status shows the epoch)",
        failure);

    /// <summary>
    /// A refusal that one node's stage decides already is told even when the other node is gone; else an unreachable node ends the verb here.
    /// </summary>
    private static async Task CheckReachableAsync(NodeClient primary, NodeClient secondary, CancellationToken cancellationToken)
    {
        Task<NodeStatus> askedPrimary = primary.GetStatusAsync(cancellationToken);
        Task<NodeStatus> askedSecondary = secondary.GetStatusAsync(cancellationToken);
        await Task.WhenAll(askedPrimary.ContinueWith(_ => { }, TaskScheduler.Default), askedSecondary.ContinueWith(_ => { }, TaskScheduler.Default));
        if (askedPrimary.IsCompletedSuccessfully == askedSecondary.IsCompletedSuccessfully)
        {
            await askedPrimary;
            await askedSecondary;
            return;
        }

        if (askedSecondary.IsCompletedSuccessfully && (await askedSecondary).Stage is var theirs and not (NodeStage.Running or NodeStage.Syncing))
            throw Refused(secondary, theirs);
        if (askedPrimary.IsCompletedSuccessfully
            && (await askedPrimary).Stage is var ours and (NodeStage.Standalone or NodeStage.Waiting or NodeStage.Stopped or NodeStage.Fenced))
            throw Refused(primary, ours);
        await askedPrimary;
        await askedSecondary;
    }

    private static CliException Refused(NodeClient node, NodeStage stage) =>
        new(ExitCode.Refused, $"{node}: checkpoint is refused in stage {WireNames.Of(stage)}");
}
