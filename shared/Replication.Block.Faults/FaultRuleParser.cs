using System.Globalization;

namespace Replication.Block.Faults;

/// <summary>
/// Reads rules such as <c>node=disk0.commit op=write delay=5ms</c> or <c>node=disk0.* op=write offset=64KiB length=4KiB nth=3 count=1 error=ENOSPC</c>.
/// </summary>
/// <remarks>
/// Words, in any order: <c>node=NAME</c> (needed; NAME* for any ending),
/// <c>op=read|write|zero|discard|flush|status</c>, <c>offset=SIZE</c>, <c>length=SIZE</c>, <c>nth=N</c>,
/// <c>count=N</c>, <c>while=FILE</c>, <c>when=before|after</c>, and at least one action: <c>delay=DURATION</c>,
/// <c>break=NAME</c>, <c>error=ERRNO</c>, <c>kill</c>. Several actions happen in this order.
/// </remarks>
internal static class FaultRuleParser
{
    private static readonly Dictionary<string, BlockOperation> s_operations = new()
    {
        ["read"] = BlockOperation.Read,
        ["write"] = BlockOperation.Write,
        ["zero"] = BlockOperation.WriteZeroes,
        ["discard"] = BlockOperation.Discard,
        ["flush"] = BlockOperation.Flush,
        ["status"] = BlockOperation.Status,
    };

    private static readonly string[] s_keys = ["node", "op", "offset", "length", "nth", "count", "while", "when", "delay", "break", "error", "kill"];

    public static FaultRule Parse(string text)
    {
        Dictionary<string, string> words = Words(text);
        BlockRange? range = null;
        if (words.ContainsKey("offset") || words.ContainsKey("length"))
        {
            long offsetBytes = Get(words, "offset", 0L, SizeBytes);
            range = BlockRange.FromBounds(offsetBytes, words.ContainsKey("length") ? offsetBytes + Get(words, "length", 0L, SizeBytes) : long.MaxValue);
        }

        if (!words.TryGetValue("node", out string? node) || node.Length == 0)
            throw Bad(text, "names no node (node=NAME)");
        if (!s_keys[^4..].Any(words.ContainsKey))
            throw Bad(text, "has no action (delay=DURATION, break=NAME, error=ERRNO or kill)");
        return new FaultRule
        {
            Node = node,
            Operation = Get<BlockOperation?>(words, "op", null, Operation),
            Range = range,
            Nth = Get(words, "nth", 1L, Positive),
            Count = Get(words, "count", long.MaxValue, Positive),
            While = Get<string?>(words, "while", null, AbsolutePath),
            After = Get(words, "when", false, When),
            Delay = Get(words, "delay", TimeSpan.Zero, Duration),
            Breakpoint = Get<Breakpoint?>(words, "break", null, name => new Breakpoint(name)),
            Errno = Get(words, "error", 0, ErrorNumber),
            Kill = words.ContainsKey("kill"),
        };

        T Get<T>(Dictionary<string, string> from, string key, T absent, Func<string, T> parse)
        {
            if (!from.TryGetValue(key, out string? value))
                return absent;
            try
            {
                return parse(value);
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw Bad(text, $"{key}={value}: {e.Message}");
            }
        }
    }

    private static Dictionary<string, string> Words(string text)
    {
        var words = new Dictionary<string, string>();
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? word : word[..equals];
            if (!s_keys.Contains(key))
                throw Bad(text, $"knows no '{key}' (known: {string.Join(", ", s_keys)})");
            if (equals < 0 != (key == "kill"))
                throw Bad(text, key == "kill" ? "'kill' takes no value" : $"'{key}' needs a value");
            if (!words.TryAdd(key, word[(equals + 1)..]))
                throw Bad(text, $"gives '{key}' twice");
        }

        return words;
    }

    private static BlockOperation? Operation(string text) =>
        s_operations.TryGetValue(text, out BlockOperation operation) ? operation : throw new FormatException($"one of {string.Join(", ", s_operations.Keys)}");

    private static string AbsolutePath(string text) => Path.IsPathRooted(text) ? text : throw new FormatException("an absolute path without spaces");

    private static bool When(string text) => text switch
    {
        "before" => false,
        "after" => true,
        _ => throw new FormatException("before or after"),
    };

    private static int ErrorNumber(string text) =>
        FaultErrors.Number(text) is var errno and not 0 ? errno : throw new FormatException($"one of {FaultErrors.Names}");

    private static long Positive(string text) => Number(text) is var number and > 0 ? number : throw new FormatException("a number from 1");

    private static long SizeBytes(string text) =>
        text.EndsWith("GiB", StringComparison.Ordinal) ? Number(text[..^3]) << 30
        : text.EndsWith("MiB", StringComparison.Ordinal) ? Number(text[..^3]) << 20
        : text.EndsWith("KiB", StringComparison.Ordinal) ? Number(text[..^3]) << 10
        : Number(text);

    private static TimeSpan Duration(string text) =>
        text.EndsWith("ms", StringComparison.Ordinal) ? TimeSpan.FromMilliseconds(Number(text[..^2]))
        : text.EndsWith('s') ? TimeSpan.FromSeconds(Number(text[..^1]))
        : text.EndsWith('m') ? TimeSpan.FromMinutes(Number(text[..^1]))
        : throw new FormatException("a duration such as 5ms, 2s or 1m");

    private static long Number(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number < 1L << 32
            ? number
            : throw new FormatException("a whole number below 2^32, with its unit where it has one");

    private static FormatException Bad(string text, string reason) => new($"fault rule '{text}' {reason}");
}
