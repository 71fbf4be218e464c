using Replication.Block;
using Replication.Block.State;
using Replication.Jobs.Backup;
using Replication.Jobs.Commands;
using Replication.Testing;

namespace Replication.Roles.Tests.Jobs;

/// <summary>
/// Random runs of a pair whose secondary makes backups, full and incremental, of its view and of its disk: each equals the model at its moment, and so does
/// each chain, whatever the mirror, both guests, checkpoints, restarts, kills, a failover and its commit do meanwhile.
/// </summary>
public sealed class SecondaryJobModelTests
{
    [Fact]
    public async Task Every_backup_and_every_chain_equals_the_model_at_its_moment()
    {
        Random seeds = DeterministicRandom.Create();
        for (int round = 0; round < 8; round++)
        {
            int seed = seeds.Next();
            try
            {
                await using var run = new Run(seed);
                await run.RunAsync();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"round {round}, seed {seed}: {e.Message}", e);
            }
        }
    }

    private sealed class Run(int seed) : IAsyncDisposable
    {
        private const int Steps = 70;
        private const string Bitmap = "b";

        private readonly Random _random = new(seed);
        private readonly Dictionary<string, byte[]?> _chains = new() { [JobPair.View] = null, [JobPair.Disk] = null };
        private readonly List<string> _steps = [];
        private JobPair _pair = null!;
        private byte[] _primary = new byte[JobPair.LengthBytes]; // what the mirror has brought to the secondary disk, until a failover
        private byte[] _view = [];
        private Begun? _backup;
        private int _targets;
        private bool _promoted;

        public async Task RunAsync()
        {
            try
            {
                _pair = await JobPair.StartedAsync();
                _primary = await _pair.Guest.ReadAllAsync();
                _view = [.. _primary];
                foreach (string device in _chains.Keys.ToList())
                    await _pair.TransactAsync(new TransactionAction.BitmapAdd(device, Bitmap, 4096 << _random.Next(3), IsPersistent: true));
                int failover = _random.Next(Steps);
                for (int step = 0; step < Steps; step++)
                {
                    if (step == failover)
                        await FailOverAsync();
                    await StepAsync();
                }

                await EndBackupAsync();
                BlockAssert.Equal(_view, await _pair.ViewAsync());
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{e.Message}; steps: {string.Join(", ", _steps)}", e);
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (_backup is { } backup)
                await backup.Target.LetGoAsync();
            if (_pair is not null)
                await _pair.DisposeAsync();
        }

        private async Task StepAsync()
        {
            switch (_random.Next(100))
            {
                case < 25 when !_promoted:
                    await WriteAsync("mirror", _pair.Guest, _primary);
                    break;
                case < 45:
                    await GuestWriteAsync();
                    break;
                case < 60 when !_promoted:
                    _steps.Add("checkpoint");
                    await _pair.Pair.CheckpointAsync();
                    _view = [.. _primary];
                    break;
                case < 75:
                    await BeginBackupAsync();
                    break;
                case < 90:
                    await EndBackupAsync();
                    break;
                case < 95:
                    await LetSomeGoAsync();
                    break;
                default:
                    await RestartAsync(kills: _random.Next(2) == 0);
                    break;
            }
        }

        private async Task WriteAsync(string what, BlockNode node, params byte[][] models)
        {
            int first = _random.Next(JobPair.LengthBytes / 512);
            int sectors = _random.Next(1, Math.Min(64, (JobPair.LengthBytes / 512) - first) + 1);
            byte value = (byte)(_random.Next(5) == 0 ? 0 : _random.Next(1, 256));
            var range = new BlockRange(first * 512L, sectors * 512L);
            _steps.Add($"{what} {value:x2}@{first}+{sectors}");
            if (value == 0)
                await node.DiscardAsync(range);
            else
                await node.FillAsync(range, value);
            foreach (byte[] model in models)
                model.AsSpan((int)range.OffsetBytes, (int)range.LengthBytes).Fill(value);
        }

        // It may wait for a copy to a target that is held, so that is let go of then: whatever is waited for must be in the target before.
        private async Task GuestWriteAsync()
        {
            Task write = WriteAsync("guest", _pair.SecondaryGuest, _promoted ? [_view, _primary] : [_view]);
            while (!write.IsCompleted)
            {
                if (_backup is { } backup)
                    await backup.Target.LetGoAsync();
                await Task.WhenAny(write, Task.Delay(1));
            }

            await write;
        }

        private async Task BeginBackupAsync()
        {
            if (_backup is not null)
                return;
            string device = _random.Next(3) == 0 ? JobPair.Disk : JobPair.View;
            byte[]? chain = _chains[device];
            bool isPart = chain is not null && _random.Next(4) > 0;
            // The mirror's writes must not lose a backup of the disk, whose target they would wait for: that one is let go of at once.
            bool isHeld = device == JobPair.View && _random.Next(2) == 0;
            string name = $"t{_targets++}";
            _steps.Add($"{(isPart ? "part" : "full")} of {device}{(isHeld ? ", held" : "")}");
            byte[] moment = [.. device == JobPair.View ? _view : _primary];
            HeldTarget target = isPart
                ? await _pair.BackupAsync(device, name, BackupSync.Incremental, Bitmap, isHeld: isHeld)
                : await _pair.BackupAsync(device, name, isHeld: isHeld, before: new TransactionAction.BitmapClear(device, Bitmap));
            _backup = new Begun(device, target, isPart ? chain : null, moment);
            if (!isPart)
                _chains[device] = null;
            if (device == JobPair.Disk)
                await EndBackupAsync();
        }

        private async Task LetSomeGoAsync()
        {
            foreach (DeferredRequest request in _backup?.Target.Pending ?? [])
            {
                if (_random.Next(2) == 0)
                    await request.ReleaseAsync();
            }
        }

        private async Task EndBackupAsync()
        {
            if (_backup is not { } backup)
                return;
            _backup = null;
            await backup.Target.LetGoAsync();
            await _pair.EndedAsync(backup.Target);
            Assert.True(backup.Target.IsSealed, $"a backup of {backup.Device} has failed");
            byte[] content = backup.Base is { } chain ? backup.Target.Over(chain) : backup.Target.Memory.Snapshot();
            BlockAssert.Equal(backup.Moment, content);
            _steps.Add($"ended {backup.Device}");
            _chains[backup.Device] = content;
        }

        private async Task RestartAsync(bool kills)
        {
            _steps.Add(kills ? "kill" : "restart");
            bool isPart = _backup?.Base is not null;
            string? device = _backup?.Device;
            if (_backup is { } running)
            {
                // Held in the middle, or at its end: a picture of files that somebody is replacing would be no kill's.
                await Eventually.TrueAsync(() => running.Target.Pending.Count > 0 || (running.Target.IsClosed && _pair.Jobs.Engine.Query().Count == 0));
            }

            bool hadEnded = _backup?.Target.IsSealed == true;
            await (kills ? _pair.Pair.KillSecondaryAsync(LetGoAsync) : RestartAsync());
            // What was under way is lost. A full one had cleared the bitmap, so its chain begins anew; a part has given its marks back.
            if (device is not null && !isPart)
                _chains[device] = null;
            else if (device is not null && (kills ? hadEnded : _backup!.Target.IsSealed))
                _chains[device] = null; // It ended well before it was cut, and the next part goes on from it.
            _backup = null;
            BlockAssert.Equal(_view, await _pair.ViewAsync());
            if (_promoted)
            {
                await DoneAsync();
                return;
            }

            await _pair.ReconnectAsync();
            _view = [.. _primary];
        }

        // The node's end waits for its jobs.
        private async Task RestartAsync()
        {
            Task restart = _pair.Pair.RestartSecondaryAsync();
            await LetGoAsync();
            await restart;
        }

        private Task LetGoAsync() => _backup?.Target.LetGoAsync() ?? Task.CompletedTask;

        private async Task FailOverAsync()
        {
            _steps.Add("failover");
            await _pair.Pair.Secondary!.FailoverAsync(true, default);
            _promoted = true;
            await DoneAsync();
            _primary = [.. _view];
        }

        private Task DoneAsync() => Eventually.TrueAsync(() => _pair.Pair.Secondary!.GetStatus().Stage == NodeStage.Done);

        private sealed record Begun(string Device, HeldTarget Target, byte[]? Base, byte[] Moment);
    }
}
