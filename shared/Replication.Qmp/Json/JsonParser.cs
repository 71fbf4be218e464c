using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Replication.Qmp.Json;

// One JSON value from its bytes. Home-made, because the commands' dialect is not quite JSON: strings may stand in single quotes, which scripts rely on; and it
// is stricter than most readers: a name twice in an object, half a surrogate pair and a character of code zero are refused.
internal ref struct JsonParser
{
    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;

    private JsonParser(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    /// <summary>The value; numbers become <see cref="long"/>, <see cref="ulong"/> or <see cref="double"/>, the first that holds them.</summary>
    /// <exception cref="JsonFormatException">It is none.</exception>
    public static JsonNode? Parse(ReadOnlySpan<byte> bytes)
    {
        var parser = new JsonParser(bytes);
        JsonNode? value = parser.ReadValue(depth: 0);
        return parser.Peek() < 0 ? value : throw parser.Expected("the value's end");
    }

    private JsonNode? ReadValue(int depth)
    {
        // The framer counts before; this bounds the recursion by itself.
        if (depth > Limits.Nesting)
            throw Expected("fewer objects and arrays within each other");
        return Peek() switch
        {
            '{' => ReadObject(depth),
            '[' => ReadArray(depth),
            '"' or '\'' => JsonValue.Create(ReadString()),
            '-' or (>= '0' and <= '9') => ReadNumber(),
            _ => ReadWord(),
        };
    }

    private JsonObject ReadObject(int depth)
    {
        var result = new JsonObject();
        _at++;
        if (TryTake('}'))
            return result;
        do
        {
            if (Peek() is not ('"' or '\''))
                throw Expected("a member's name");
            string name = ReadString();
            if (!TryTake(':'))
                throw Expected("':'");
            if (!result.TryAdd(name, ReadValue(depth + 1)))
                throw new JsonFormatException($"the object has two members '{name}'");
        }
        while (TryTake(','));
        return TryTake('}') ? result : throw Expected("',' or '}'");
    }

    private JsonArray ReadArray(int depth)
    {
        var result = new JsonArray();
        _at++;
        if (TryTake(']'))
            return result;
        do
            result.Add(ReadValue(depth + 1));
        while (TryTake(','));
        return TryTake(']') ? result : throw Expected("',' or ']'");
    }

    private JsonValue? ReadWord()
    {
        ReadOnlySpan<byte> word = TakeWord(out _);
        if (word.SequenceEqual("null"u8))
            return null;
        if (word.SequenceEqual("true"u8))
            return JsonValue.Create(true);
        if (word.SequenceEqual("false"u8))
            return JsonValue.Create(false);
        _at -= word.Length;
        throw Expected("a value");
    }

    private JsonValue ReadNumber()
    {
        ReadOnlySpan<byte> word = TakeWord(out JsonState last);
        bool isWhole = last is JsonState.Zero or JsonState.Digits;
        if (isWhole && long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long signed))
            return JsonValue.Create(signed);
        if (isWhole && ulong.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out ulong unsigned))
            return JsonValue.Create(unsigned);
        if ((isWhole || last is JsonState.Fraction or JsonState.Power)
            && double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double real) && double.IsFinite(real))
        {
            return JsonValue.Create(real);
        }

        _at -= word.Length;
        throw Expected("a number that can be represented");
    }

    /// <summary>As far as a word or a number goes, whole or not.</summary>
    private ReadOnlySpan<byte> TakeWord(out JsonState last)
    {
        int start = _at;
        last = JsonState.Lost;
        for (; _at < _bytes.Length; _at++)
        {
            JsonState next = _at == start ? JsonWord.First(_bytes[_at]) : JsonWord.Follow(last, _bytes[_at]);
            if (next is JsonState.Between or JsonState.Lost)
                break;
            last = next;
        }

        return _bytes[start.._at];
    }

    private string ReadString()
    {
        byte quote = _bytes[_at++];
        var text = new StringBuilder();
        while (true)
        {
            int length = _bytes[_at..].IndexOfAny(quote, (byte)'\\');
            if (length < 0)
                throw Expected("the string's end");
            try
            {
                text.Append(s_strictUtf8.GetString(_bytes.Slice(_at, length)));
            }
            catch (DecoderFallbackException)
            {
                throw Expected("UTF-8");
            }

            _at += length;
            if (_bytes[_at++] == quote)
                return text.ToString();
            ReadEscape(text);
        }
    }

    private void ReadEscape(StringBuilder text)
    {
        char escape = _at < _bytes.Length ? (char)_bytes[_at++] : '\0';
        if (escape != 'u')
        {
            int index = "\"'\\/bfnrt".IndexOf(escape, StringComparison.Ordinal);
            text.Append(index >= 0 ? "\"'\\/\b\f\n\r\t"[index] : throw Expected("an escape sequence"));
            return;
        }

        char unit = ReadUnit();
        if (char.IsSurrogate(unit))
        {
            if (!_bytes[_at..].StartsWith("\\u"u8))
                throw Expected("a surrogate pair");
            _at += 2;
            char low = ReadUnit();
            if (!char.IsSurrogatePair(unit, low))
                throw Expected("a surrogate pair");
            text.Append(unit).Append(low);
            return;
        }

        text.Append(unit != 0 ? unit : throw Expected("a character other than zero"));
    }

    private char ReadUnit()
    {
        if (_at + 4 > _bytes.Length || !ushort.TryParse(_bytes.Slice(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit))
            throw Expected("four hexadecimal digits");
        _at += 4;
        return (char)unit;
    }

    private bool TryTake(char expected)
    {
        if (Peek() != expected)
            return false;
        _at++;
        return true;
    }

    /// <summary>The next byte that is no white space; -1: there is none.</summary>
    private int Peek()
    {
        while (_at < _bytes.Length && _bytes[_at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            _at++;
        return _at < _bytes.Length ? _bytes[_at] : -1;
    }

    private readonly JsonFormatException Expected(string what) => new($"not JSON: {what} expected at byte {_at} of the value");
}
