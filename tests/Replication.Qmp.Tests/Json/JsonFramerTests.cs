using System.Text;
using Replication.Qmp.Json;

namespace Replication.Qmp.Tests.Json;

public class JsonFramerTests
{
    private const string Stream = """
        {"a": "}\"]", 'b': ['x"', {"c": -1.5e3}], "d": "\u00e9é\ud834\udd1e"} [1,2]
        7 "top" true{}null
        """ + "\n";

    private static readonly string[] s_values =
        ["""{"a": "}\"]", "b": ["x\"", {"c": -1500}], "d": "\u00E9\u00E9\uD834\uDD1E"}""", "[1, 2]", "7", "\"top\"", "true", "{}", "null"];

    [Fact]
    public void Values_are_the_same_wherever_the_bytes_are_split()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Stream);
        for (int split = 0; split <= bytes.Length; split++)
            Assert.Equal(s_values, Read(bytes[..split], bytes[split..]));
    }

    [Fact]
    public void Values_may_arrive_byte_by_byte() =>
        Assert.Equal(s_values, Read([.. Encoding.UTF8.GetBytes(Stream).Select(b => new[] { b })]));

    [Theory]
    [InlineData("}}]{}", "E E E {}")]
    [InlineData("{ 'a' ] {}", "E {}")]
    [InlineData("abc {}", "E {}")]
    [InlineData("{'a': abc} {}", "E {}")]
    [InlineData("{'a': 01} {}", "E E {}")]
    [InlineData("{'a': 1.} {}", "E {}")]
    [InlineData("{'a': -} {}", "E {}")]
    [InlineData("{'a': 1e+} {}", "E {}")]
    [InlineData("abc1 {}", "E 1 {}")]
    [InlineData("1-2 {}", "1 -2 {}")]
    [InlineData("{'a': 1e400} {}", "E {}")]
    [InlineData("{'a': 1, 'a': 2} {}", "E {}")]
    [InlineData("{'a': 1,} {}", "E {}")]
    [InlineData("{'a' 1} {}", "E {}")]
    [InlineData("{1: 1} {}", "E {}")]
    [InlineData("[1 2] {}", "E {}")]
    [InlineData("['\\ud800'] {}", "E {}")]
    [InlineData("['\\u0000'] {}", "E {}")]
    [InlineData("['\\x'] {}", "E {}")]
    [InlineData("['\\u12'] {}", "E {}")]
    [InlineData(", {}", "E {}")]
    [InlineData("{'a': \u0001 stray 'words' \n {}", "E {}")]
    [InlineData("{'a': 'unfinished\n {}", "E {}")]
    [InlineData("% stray 'words'; {}", "E {}")]
    public void What_is_no_JSON_is_an_error_and_the_next_value_is_read(string text, string expected) =>
        Assert.Equal(expected.Split(' '), Read(Encoding.UTF8.GetBytes(text)).Select(v => v.StartsWith("E:", StringComparison.Ordinal) ? "E" : v));

    [Theory]
    [InlineData("{'a': {'b': [")]
    [InlineData("{'a': 'un\\")]
    [InlineData("{'a': tru")]
    [InlineData("")]
    public void The_byte_FF_brings_the_door_into_step_whatever_was_sent_before(string before)
    {
        List<string> values = Read([.. Encoding.UTF8.GetBytes(before), 0xFF, (byte)'\n', .. "{}"u8]);
        Assert.Equal(2, values.Count);
        Assert.Equal("{}", values[1]);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused_in_strings()
    {
        List<string> values = Read([.. "['"u8, 0xC3, 0x28, .. "'] {}"u8]);
        Assert.StartsWith("E:", values[0], StringComparison.Ordinal);
        Assert.Equal("{}", values[1]);
    }

    [Theory]
    [InlineData("['", "']")]
    [InlineData("'", "'")]
    [InlineData("[", "]")]
    [InlineData("", " ")]
    public void A_value_that_is_too_long_is_one_error_and_ends_at_its_own_end(string open, string close)
    {
        string text = open + new string('1', 3 << 20) + close + "{}" + open + "1" + close;
        List<string> values = Read(Encoding.UTF8.GetBytes(text));
        Assert.Equal(3, values.Count);
        Assert.Contains("more than 1048576 bytes", values[0], StringComparison.Ordinal);
        Assert.Equal("{}", values[1]);
    }

    [Theory]
    [InlineData("1048572")]
    [InlineData("1048573")]
    public void A_value_at_the_limit_is_read(string count)
    {
        int length = int.Parse(count, System.Globalization.CultureInfo.InvariantCulture);
        List<string> values = Read(Encoding.UTF8.GetBytes($"['{new string('x', length)}']{{}}"));
        Assert.Equal(length + 4 > 1 << 20, values[0].StartsWith("E:", StringComparison.Ordinal));
        Assert.Equal("{}", values[1]);
        Assert.Equal(2, values.Count);
    }

    [Fact]
    public void A_value_that_is_too_deep_is_one_error()
    {
        List<string> values = Read(Encoding.UTF8.GetBytes(new string('[', 5000) + new string(']', 5000) + "{}"));
        Assert.Equal(2, values.Count);
        Assert.Contains("within each other", values[0], StringComparison.Ordinal);
        Assert.Equal("{}", values[1]);
    }

    [Theory]
    [InlineData("9223372036854775807", "9223372036854775807")]
    [InlineData("-9223372036854775808", "-9223372036854775808")]
    [InlineData("18446744073709551615", "18446744073709551615")]
    [InlineData("1.50", "1.5")]
    [InlineData("-0", "0")]
    [InlineData("'<>&/'", "\"<>&/\"")]
    [InlineData("'\\b\\f\\n\\r\\t\\\\\\\"\\'\\/\u007f'", "\"\\b\\f\\n\\r\\t\\\\\\\"'/\\u007F\"")]
    public void What_is_read_is_printed_as_the_same_value(string text, string expected) =>
        Assert.Equal([expected], Read(Encoding.UTF8.GetBytes(text + " ")));

    /// <summary>Values as they are printed, errors behind "E:".</summary>
    private static List<string> Read(params byte[][] pieces)
    {
        var framer = new JsonFramer();
        List<string> values = [];
        foreach (byte[] piece in pieces)
        {
            for (int at = 0; at < piece.Length;)
            {
                at += framer.Feed(piece.AsSpan(at), out JsonFrame frame);
                if (frame.IsWhole)
                    values.Add(frame.Error is { } error ? $"E:{error}" : Encoding.ASCII.GetString(JsonText.LineOf(frame.Value)).TrimEnd());
            }
        }

        return values;
    }
}
