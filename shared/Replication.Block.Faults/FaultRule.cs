namespace Replication.Block.Faults;

/// <summary>
/// One fault: which requests it meets, and what it does to them. Written on one line as <c>key=value</c> words; see <see cref="FaultRuleParser"/>.
/// </summary>
public sealed class FaultRule
{
    private long _matches; // Interlocked: requests that fit node, operation, range and file so far

    /// <summary>Name of the node; a trailing <c>*</c> stands for any ending.</summary>
    public required string Node { get; init; }

    /// <summary>The kind of request; null for all.</summary>
    public BlockOperation? Operation { get; init; }

    /// <summary>Only requests that touch this range, so no flush; null for all. An end beyond the disk is fine.</summary>
    public BlockRange? Range { get; init; }

    /// <summary>The first matching request that is met, counted from 1.</summary>
    public long Nth { get; init; } = 1;

    /// <summary>How many are met from then on.</summary>
    public long Count { get; init; } = long.MaxValue;

    /// <summary>
    /// Only while this file exists; null: always. So a test switches a fault of another process on and off, and the next request already sees it.
    /// </summary>
    public string? While { get; init; }

    /// <summary>Act once the child has done the request, instead of before it sees it.</summary>
    public bool After { get; init; }

    /// <summary>Wait this long.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Hold the request until the breakpoint is released.</summary>
    public Breakpoint? Breakpoint { get; init; }

    /// <summary>Fail with this error number; 0: do not.</summary>
    public int Errno { get; init; }

    /// <summary>End this process with SIGKILL.</summary>
    public bool Kill { get; init; }

    /// <summary>Reads a rule from its line.</summary>
    /// <exception cref="FormatException">One line that quotes the rule and says what is wrong with it.</exception>
    public static FaultRule Parse(string text) => FaultRuleParser.Parse(text);

    internal bool Meets(string node, BlockOperation operation, BlockRange range)
    {
        if (!NameFits(node) || (Operation ?? operation) != operation)
            return false;
        if (Range is { } wanted && !wanted.Overlaps(range))
            return false;
        if (While is { } file && !File.Exists(file))
            return false;
        long match = Interlocked.Increment(ref _matches);
        return match >= Nth && match - Nth < Count;
    }

    private bool NameFits(string node) =>
        Node.EndsWith('*') ? node.AsSpan().StartsWith(Node.AsSpan(0, Node.Length - 1), StringComparison.Ordinal) : node == Node;
}
