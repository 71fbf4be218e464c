namespace Replication.Qmp.Json;

// Cuts a stream of bytes into JSON values, however the bytes arrive.
//
// A value ends when its braces and brackets are closed, or when more of a kind are closed than were opened; a word or a number on the outermost level ends
// before the first byte that cannot belong to it. What lies between is the parser's to judge, so what is wrong inside of a value costs that value and no other.
// A byte that can be in no value at all ends the value there and then: all that follows is passed over until a place from which one may hope to be back in
// step, which is a brace, bracket, comma or colon, a line's end or another control character, or a byte 0xFE or 0xFF. That byte is then looked at as any other.
// 0xFE and 0xFF are in no UTF-8 text: with one of them and a line's end a client gets the door into step whatever it has sent before. All of this is QEMU's.
//
// A value that is too long or too deep is one error too; the rest of it is passed over up to its own end.
internal sealed class JsonFramer
{
    private byte[] _buffer = new byte[1024];
    private int _length;
    private JsonState _state;
    private byte _quote;
    private int _braces;
    private int _brackets;
    private bool _isPassedOver;

    /// <summary>Takes bytes up to the end of a value, or all; returns how many.</summary>
    public int Feed(ReadOnlySpan<byte> bytes, out JsonFrame frame)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            byte next = bytes[i];
            if (_state == JsonState.Lost)
            {
                if (!IsLandmark(next))
                    continue;
                _state = JsonState.Between;
            }

            bool isTaken = Take(next, out frame);
            if (frame.IsWhole)
                return isTaken ? i + 1 : i;
        }

        frame = default;
        return bytes.Length;
    }

    /// <returns>Whether the byte is used up: one that ended a word is not.</returns>
    private bool Take(byte next, out JsonFrame frame)
    {
        switch (_state)
        {
            case JsonState.String:
            case JsonState.Escape:
                frame = TakeInString(next);
                return true;
            case JsonState.Between:
                frame = TakeBetween(next);
                return true;
            default:
                return TakeInWord(next, out frame);
        }
    }

    private bool TakeInWord(byte next, out JsonFrame frame)
    {
        _state = JsonWord.Follow(_state, next);
        if (_state != JsonState.Between)
        {
            frame = _state == JsonState.Lost ? GetLost($"byte 0x{next:X2} in a number") : Keep(next);
            return true;
        }

        if (!IsOutermost)
            return Take(next, out frame);
        frame = End();
        // The end of one that was passed over has been told: the byte is the next value's.
        return !frame.IsWhole && Take(next, out frame);
    }

    private JsonFrame TakeInString(byte next)
    {
        if (next < 0x20 || next >= 0xFE)
            return GetLost($"byte 0x{next:X2} in a string");
        JsonFrame frame = Keep(next);
        if (_state == JsonState.Escape)
            _state = JsonState.String;
        else if (next == '\\')
            _state = JsonState.Escape;
        else if (next == _quote)
        {
            _state = JsonState.Between;
            if (IsOutermost)
                return End(frame);
        }

        return frame;
    }

    private JsonFrame TakeBetween(byte next)
    {
        if (next is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            return IsOutermost ? default : Keep(next);
        if (next is (byte)'"' or (byte)'\'')
        {
            (_state, _quote) = (JsonState.String, next);
            return Keep(next);
        }

        if (IsStructure(next))
            return TakeStructure(next);
        _state = JsonWord.First(next);
        return _state == JsonState.Lost ? GetLost($"byte 0x{next:X2} outside of a string") : Keep(next);
    }

    private JsonFrame TakeStructure(byte next)
    {
        _braces += next == '{' ? 1 : next == '}' ? -1 : 0;
        _brackets += next == '[' ? 1 : next == ']' ? -1 : 0;
        JsonFrame frame = Keep(next);
        if (!_isPassedOver && _braces + _brackets > Limits.Nesting)
            frame = PassOver($"the value has more than {Limits.Nesting} objects and arrays within each other");
        return IsOutermost || _braces < 0 || _brackets < 0 ? End(frame) : frame;
    }

    private bool IsOutermost => _braces == 0 && _brackets == 0;

    private JsonFrame Keep(byte next)
    {
        if (_isPassedOver)
            return default;
        if (_length == Limits.ValueBytes)
            return PassOver($"the value has more than {Limits.ValueBytes} bytes");
        if (_length == _buffer.Length)
            Array.Resize(ref _buffer, Math.Min(_buffer.Length * 2, Limits.ValueBytes));
        _buffer[_length++] = next;
        return default;
    }

    /// <summary>The value is answered now; its end is still to come.</summary>
    private JsonFrame PassOver(string error)
    {
        _isPassedOver = true;
        return JsonFrame.Wrong(error);
    }

    private JsonFrame End(JsonFrame told = default)
    {
        JsonFrame frame = _isPassedOver ? told : Parse();
        Reset();
        return frame;
    }

    private JsonFrame Parse()
    {
        try
        {
            return JsonFrame.Of(JsonParser.Parse(_buffer.AsSpan(0, _length)));
        }
        catch (JsonFormatException e)
        {
            return JsonFrame.Wrong(e.Message);
        }
    }

    private JsonFrame GetLost(string error)
    {
        bool isTold = _isPassedOver;
        string message = $"{error}, {_length} bytes into the value, is no JSON";
        Reset();
        _state = JsonState.Lost;
        return isTold ? default : JsonFrame.Wrong(message);
    }

    private void Reset()
    {
        (_length, _braces, _brackets, _isPassedOver, _state) = (0, 0, 0, false, JsonState.Between);
        if (_buffer.Length > Limits.KeptBytes)
            _buffer = new byte[Limits.KeptBytes];
    }

    private static bool IsStructure(byte value) => value is (byte)'{' or (byte)'}' or (byte)'[' or (byte)']' or (byte)',' or (byte)':';

    private static bool IsLandmark(byte value) => IsStructure(value) || (value < 0x20 && value != '\t') || value >= 0xFE;
}
