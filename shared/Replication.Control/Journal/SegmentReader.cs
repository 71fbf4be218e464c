using System.Diagnostics.CodeAnalysis;
using Microsoft.Win32.SafeHandles;

namespace Replication.Control.Journal;

/// <summary>Reads one segment's events in order, up to a length that its caller knows to be whole. An open reader outlives the segment's deletion.</summary>
internal sealed class SegmentReader : IDisposable
{
    private readonly SafeFileHandle _file;
    private byte[] _buffer = new byte[4 * Limits.EventLineBytes];
    private int _start;
    private int _end;
    private long _offset;

    public SegmentReader(SegmentFile segment)
    {
        Segment = segment;
        _file = File.OpenHandle(segment.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    public SegmentFile Segment { get; }

    public void Dispose() => _file.Dispose();

    /// <summary>The next event with this number or a higher one.</summary>
    /// <param name="from">The number.</param>
    /// <param name="wholeBytes">Up to where the segment is written; null: to its end.</param>
    /// <param name="item">The event; null where there is none yet.</param>
    public bool TryRead(ulong from, long? wholeBytes, [NotNullWhen(true)] out JournalEvent? item)
    {
        item = null;
        while (TryReadLine(wholeBytes ?? RandomAccess.GetLength(_file), out ReadOnlyMemory<byte> line))
        {
            // The first line is the header, which has no number.
            if (EventLine.TryReadSeq(line.Span, out ulong seq) && seq >= from && EventLine.TryRead(line, out item))
                return true;
        }

        return false;
    }

    private bool TryReadLine(long wholeBytes, out ReadOnlyMemory<byte> line)
    {
        while (true)
        {
            int length = _buffer.AsSpan(_start.._end).IndexOf((byte)'\n') + 1;
            if (length > 0)
            {
                line = _buffer.AsMemory(_start, length);
                _start += length;
                return true;
            }

            if (!Fill(wholeBytes))
            {
                line = default;
                return false;
            }
        }
    }

    private bool Fill(long wholeBytes)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        int wanted = (int)Math.Min(_buffer.Length - _end, wholeBytes - _offset);
        int read = wanted <= 0 ? 0 : RandomAccess.Read(_file, _buffer.AsSpan(_end, wanted), _offset);
        _end += read;
        _offset += read;
        return read > 0;
    }
}
