namespace Replication.Qmp.Json;

/// <summary>Words and numbers, byte by byte: what begins one, and what may follow.</summary>
internal static class JsonWord
{
    /// <returns><see cref="JsonState.Lost"/>: neither a word nor a number begins so.</returns>
    public static JsonState First(byte first) => first switch
    {
        (byte)'-' => JsonState.Minus,
        (byte)'0' => JsonState.Zero,
        >= (byte)'1' and <= (byte)'9' => JsonState.Digits,
        >= (byte)'a' and <= (byte)'z' => JsonState.Word,
        _ => JsonState.Lost,
    };

    /// <returns><see cref="JsonState.Between"/>: it has ended before this byte; <see cref="JsonState.Lost"/>: it cannot go on so, nor end.</returns>
    public static JsonState Follow(JsonState state, byte next)
    {
        bool isDigit = char.IsAsciiDigit((char)next);
        bool isExponent = next is (byte)'e' or (byte)'E';
        return state switch
        {
            JsonState.Word => char.IsAsciiLetterLower((char)next) ? JsonState.Word : JsonState.Between,
            JsonState.Minus => next == '0' ? JsonState.Zero : isDigit ? JsonState.Digits : JsonState.Lost,
            JsonState.Zero when isDigit => JsonState.Lost,
            JsonState.Zero or JsonState.Digits when next == '.' => JsonState.Point,
            JsonState.Zero or JsonState.Digits or JsonState.Fraction when isExponent => JsonState.Exponent,
            JsonState.Digits when isDigit => JsonState.Digits,
            JsonState.Point or JsonState.Fraction when isDigit => JsonState.Fraction,
            JsonState.Exponent when next is (byte)'+' or (byte)'-' => JsonState.ExponentSign,
            JsonState.Exponent or JsonState.ExponentSign or JsonState.Power when isDigit => JsonState.Power,
            JsonState.Point or JsonState.Exponent or JsonState.ExponentSign => JsonState.Lost,
            _ => JsonState.Between,
        };
    }
}
