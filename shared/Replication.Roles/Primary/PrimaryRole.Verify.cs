using Replication.Block;

namespace Replication.Roles.Primary;

/// <remarks>
/// Verify: both disks are compared while the guest writes and checkpoints are taken, so it holds no verb up. It
/// belongs to the session that it began in: whatever ends that one ends it.
/// </remarks>
internal sealed partial class PrimaryRole
{
    private readonly AsyncMutex _verifying = new(); // taken alone
    private ProgressStatus? _verified; // written under _verifying, an immutable snapshot; read by status

    public async Task<VerifyResult> VerifyAsync(bool repair, CancellationToken cancellationToken)
    {
        Check(Verb.Verify);
        using AsyncMutex.Holder one = await _verifying.EnterAsync();
        Check(Verb.Verify);
        long began = Time.GetTimestamp();
        MirrorAttachment attachment = _attachment ?? throw new VerbException(VerbFailure.Refused, "verify is refused: the mirror has just been lost");
        using var interruption = new Interruption(cancellationToken, _stopping.Token);
        long total = _disks.Sum(disk => disk.Quorum.LengthBytes);
        long done = 0;
        long differing = 0;
        long repaired = 0;
        try
        {
            foreach (PrimaryDisk disk in _disks)
            {
                var verify = new DiskVerify(disk, attachment, RequirePeer(), repair, Options.Mirror.Deadline, Time);
                bool whole = false;
                try
                {
                    await verify.RunAsync(advancedBytes => _verified = new ProgressStatus("verify", done += advancedBytes, total), interruption.Token);
                    whole = true;
                }
                finally
                {
                    // What was found and repaired before the end stays so, whatever has ended it.
                    Report(verify, disk, whole);
                }

                differing += verify.DifferingBytes;
                repaired += verify.RepairedBytes;
            }
        }
        catch (Exception e) when (e is VerbException or IOException or OperationCanceledException)
        {
            attachment.ThrowIfLost();
            throw AsVerbFailure("verify", e);
        }
        finally
        {
            _verified = null;
        }

        return new VerifyResult(differing, repaired, Time.GetElapsedTime(began));
    }

    private void Report(DiskVerify verify, PrimaryDisk disk, bool whole)
    {
        bool isEqual = whole && verify.RepairedBytes == verify.DifferingBytes;
        if (isEqual)
            Journal.SettleDifferences(disk.Name, verify.DifferingBytes > 0 ? "repaired by a later verify" : "found equal by a later verify");
        if (verify.DifferingBytes == 0)
            return;
        string places = string.Join(", ", verify.FirstDifferences.Select(range => $"{range.OffsetBytes}+{range.LengthBytes}"));
        string found = whole ? "" : ", before it was ended";
        string some = verify.RepairedBytes > 0 && !isEqual ? $" ({verify.RepairedBytes} of them repaired)" : "";
        BlockRange first = verify.FirstDifferences[0];
        Journal.Report(new FailureReport(
            FailureCase.SecondaryDisk,
            disk.Name,
            first.OffsetBytes,
            first.LengthBytes,
            0,
            State.Record.Epoch,
            $"verify has found{found} that disk '{disk.Name}' of the secondary differs from the primary's in {verify.DifferingBytes} bytes{some}, "
            + $"first at {places}")
        {
            Settled = isEqual ? "all repaired" : null,
        });
    }
}
