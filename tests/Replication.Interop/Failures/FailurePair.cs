using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Interop.Support;

namespace Replication.Interop.Failures;

/// <summary>
/// A pair of three disks that replicates, both of its guests at work, with a model of every byte of both. It
/// does not come back by itself: what a failure leaves is looked at first.
/// </summary>
internal sealed class FailurePair : IAsyncDisposable
{
    public const int Disks = 3;

    /// <summary>Where the tests' own requests go, and their faults.</summary>
    public const int QuietBytes = GuestLoad.ReachBytes;

    // Different lengths, none a multiple of a block.
    private static readonly long[] s_lengths = [(4 << 20) + 512, (3 << 20) + 1536, (4 << 20) - 512];

    private readonly byte[][] _primaryModel;
    private readonly byte[][] _viewModel;
    private readonly Random _random;
    private GuestLoad? _primaryLoad;
    private GuestLoad? _secondaryLoad;

    private FailurePair(Pair pair, Random random)
    {
        Pair = pair;
        _random = random;
        _primaryModel = [.. Enumerable.Range(0, Disks).Select(disk => DiskFile.Read(pair.Primary.DiskPaths[disk]))];
        _viewModel = [.. _primaryModel.Select(disk => disk.ToArray())];
    }

    public Pair Pair { get; }

    public GuestLoad PrimaryGuest => _primaryLoad!;

    public GuestLoad SecondaryGuest => _secondaryLoad!;

    public long Epoch { get; private set; }

    public static PairOptions Options(IReadOnlyList<string>? primaryFaults = null, IReadOnlyList<string>? secondaryFaults = null) => new()
    {
        DiskLengthsBytes = s_lengths,
        PrimaryFaults = primaryFaults ?? [],
        SecondaryFaults = secondaryFaults ?? [],
        Resync = "manual",
        Unix = true,
    };

    /// <summary>Takes over a pair that replicates, and puts both guests to work.</summary>
    public static async Task<FailurePair> OfAsync(Pair pair)
    {
        var made = new FailurePair(pair, DeterministicRandom.Create());
        made._primaryLoad = await GuestLoad.StartAsync(pair.Primary, made._primaryModel, made._random);
        made._secondaryLoad = await GuestLoad.StartAsync(pair.Secondary, made._viewModel, made._random);
        await made.CheckpointAsync();
        return made;
    }

    /// <summary>A write of the primary's guest that must succeed.</summary>
    public async Task<byte[]> WriteAsync(int disk, int offsetBytes, int lengthBytes)
    {
        byte[] data = _random.Bytes(lengthBytes);
        await PrimaryGuest.Disks[disk].WriteAsync(offsetBytes, data);
        data.CopyTo(_primaryModel[disk].AsSpan(offsetBytes));
        return data;
    }

    /// <summary>A write of the secondary's guest that must succeed.</summary>
    public async Task<byte[]> WriteViewAsync(int disk, int offsetBytes, int lengthBytes)
    {
        byte[] data = _random.Bytes(lengthBytes);
        await SecondaryGuest.Disks[disk].WriteAsync(offsetBytes, data);
        data.CopyTo(_viewModel[disk].AsSpan(offsetBytes));
        return data;
    }

    /// <summary>What an export shows in a place that only the test writes to is what its guest has had acknowledged.</summary>
    public Task SeesAsync(bool primary, int disk, int offsetBytes, int lengthBytes) => BlockAssert.ContentAsync(
        (primary ? PrimaryGuest : SecondaryGuest).Disks[disk], offsetBytes, (primary ? _primaryModel : _viewModel)[disk].AsMemory(offsetBytes, lengthBytes));

    /// <summary>A checkpoint of a pair whose guests pause for it, so that the view is known byte for byte.</summary>
    public async Task CheckpointAsync()
    {
        await PauseAsync();
        BeginCheckpointResponse begun = await Pair.Primary.Service.BeginCheckpointAsync(new BeginCheckpointRequest());
        await Pair.Secondary.Service.CommitCheckpointAsync(new CommitCheckpointRequest
        {
            Generation = begun.Generation,
            Epoch = begun.Epoch,
            Session = begun.Session,
            AnsweredWrites = begun.AnsweredWrites,
            Attempt = begun.Attempt,
        });
        await Pair.Primary.Service.EndCheckpointAsync(new EndCheckpointRequest { Epoch = begun.Epoch, Outcome = CheckpointOutcome.Committed });
        Assert.True(Epoch == 0 || (long)begun.Epoch == Epoch + 1, $"epoch {begun.Epoch} after {Epoch}");
        BeginEpoch((long)begun.Epoch);
    }

    /// <summary>A checkpoint that may fail; then the epoch is the one before, on both nodes, and the guests go on.</summary>
    public async Task<CommandResult> TryCheckpointAsync()
    {
        await PauseAsync();
        CommandResult tried = await Pair.RunAsync("checkpoint");
        if (tried.ExitCode == 0)
            BeginEpoch(Epoch + 1);
        await IsInItsEpochAsync(Pair.Secondary);
        Resume();
        return tried;
    }

    /// <summary>A checkpoint has been taken, whatever the verb has said: the guests were paused.</summary>
    public void BeginNextEpoch() => BeginEpoch(Epoch + 1);

    /// <summary>The failure is over: the pair comes back, both guests at work, with a view that is still the last checkpoint's; then a checkpoint.</summary>
    public async Task ReturnAsync()
    {
        await Pair.Primary.Service.ResyncAsync(new ResyncRequest());
        await GuestsSeeWhatTheyWroteAsync();
        await CheckpointAsync();
    }

    /// <summary>Every byte that either guest sees.</summary>
    public async Task GuestsSeeWhatTheyWroteAsync()
    {
        await PauseAsync();
        for (int disk = 0; disk < Disks; disk++)
        {
            BlockAssert.Equal(_primaryModel[disk], await Guest.ReadAllAsync(PrimaryGuest.Disks[disk]));
            BlockAssert.Equal(_viewModel[disk], await Guest.ReadAllAsync(SecondaryGuest.Disks[disk]));
        }

        Resume();
    }

    /// <summary>The pair is as good as new: a checkpoint, both exports, both disks.</summary>
    public async Task IsUsableAsync()
    {
        await CheckpointAsync();
        await GuestsSeeWhatTheyWroteAsync();
        await CheckpointAsync();
        await PauseAsync();
        for (int disk = 0; disk < Disks; disk++)
            DiskFile.Equal(Pair.Primary.DiskPaths[disk], Pair.Secondary.DiskPaths[disk]);
        Resume();
    }

    /// <summary>All errors of both nodes, acknowledged once they have been read: the next failure is listed anew.</summary>
    public async Task<IReadOnlyList<TypedError>> TakeErrorsAsync()
    {
        JsonElement listed = (await Pair.DoAsync("errors")).GetProperty("errors");
        TypedError[] errors = [.. listed.EnumerateArray().Select(TypedError.Of)];
        foreach (Node node in new[] { Pair.Primary, Pair.Secondary })
            await node.Service.AcknowledgeErrorsAsync(new AcknowledgeErrorsRequest { Seq = 0 });
        return errors;
    }

    public async Task IsAsync(Node node, NodeStage stage) => Assert.Equal(stage, (await node.Service.GetStatusAsync(new GetStatusRequest())).Status.Stage);

    /// <summary>The primary has noticed that its mirror is lost: before a write is acknowledged, but a failed one may be told to the guest first.</summary>
    public async Task IsDetachedAsync()
    {
        long until = Environment.TickCount64 + (long)TestTimeouts.Patience.TotalMilliseconds;
        while ((await Pair.Primary.Service.GetStatusAsync(new GetStatusRequest())).Status.Stage != NodeStage.Detached)
        {
            Assert.True(Environment.TickCount64 < until, "the primary does not detach its mirror");
            await Task.Delay(5);
        }
    }

    public async Task IsInItsEpochAsync(Node node) => Assert.Equal(Epoch, (long)(await node.Service.GetStatusAsync(new GetStatusRequest())).Status.Epoch);

    public async Task PauseAsync()
    {
        await PrimaryGuest.PauseAsync();
        await SecondaryGuest.PauseAsync();
    }

    public void Resume()
    {
        PrimaryGuest.Resume();
        SecondaryGuest.Resume();
    }

    public async ValueTask DisposeAsync()
    {
        if (_primaryLoad is not null)
            await _primaryLoad.DisposeAsync();
        if (_secondaryLoad is not null)
            await _secondaryLoad.DisposeAsync();
    }

    private void BeginEpoch(long epoch)
    {
        Epoch = epoch;
        for (int disk = 0; disk < Disks; disk++)
            _primaryModel[disk].CopyTo(_viewModel[disk], 0);
        Resume();
    }
}
