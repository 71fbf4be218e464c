using System.Diagnostics;
using System.Runtime.CompilerServices;
using Replication.Block;

namespace Replication.Benchmarks.Load;

/// <summary>One of a load's requests in flight: when it is answered it goes out again, elsewhere. Allocates nothing on the way.</summary>
internal sealed class Lane
{
    private readonly BlockNode _disk;
    private readonly LoadPattern _pattern;
    private readonly LoadProgress _progress;
    private readonly Memory<byte> _buffer;
    private readonly Action _answered;
    private readonly long _places;
    private ulong _random;
    private ValueTaskAwaiter _request;
    private long _began;

    public Lane(BlockNode disk, LoadPattern pattern, LoadProgress progress, int number)
    {
        (_disk, _pattern, _progress) = (disk, pattern, progress);
        var random = new Random(number + 1);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(pattern.RequestBytes, pinned: true);
        random.NextBytes(buffer);
        _buffer = buffer;
        _random = (ulong)random.NextInt64() | 1;
        _places = disk.LengthBytes / pattern.RequestBytes;
        _answered = Answered;
    }

    /// <summary>Sends requests, one at least, until one is answered later, or the load is over.</summary>
    public void Run()
    {
        do
        {
            Send();
            if (!_request.IsCompleted)
            {
                _request.UnsafeOnCompleted(_answered);
                return;
            }
        }
        while (Take());
    }

    private void Send()
    {
        long offset = NextPlace() * _pattern.RequestBytes;
        _began = Stopwatch.GetTimestamp();
        _request = (_pattern.IsRead ? _disk.ReadAsync(offset, _buffer) : _disk.WriteAsync(offset, _buffer)).GetAwaiter();
    }

    private void Answered()
    {
        if (Take())
            Run();
    }

    /// <summary>Takes an answer. True if there is to be another request.</summary>
    private bool Take()
    {
        BlockException? failure = null;
        try
        {
            _request.GetResult();
            _progress.Count(Stopwatch.GetElapsedTime(_began));
        }
        catch (BlockException e)
        {
            failure = e;
        }

        if (failure is null && !_progress.IsOver(Stopwatch.GetTimestamp()))
            return true;
        _progress.LaneEnds(failure);
        return false;
    }

    private long NextPlace()
    {
        if (!_pattern.IsRandom)
            return _progress.NextPlace(_places);
        _random ^= _random << 13;
        _random ^= _random >> 7;
        _random ^= _random << 17;
        return (long)(_random % (ulong)_places);
    }
}
