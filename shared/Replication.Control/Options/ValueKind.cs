using System.Numerics;
using System.Text;
using Replication.Nbd;

namespace Replication.Control.Options;

/// <summary>What a key's value may be: a check that gives the reason of a refusal, and the words that say what is accepted.</summary>
/// <param name="Accepted">What is accepted, for messages and for the documents.</param>
/// <param name="Refusal">The reason why a value is refused, as the rest of a sentence that the value begins; null: it is accepted.</param>
internal sealed record ValueKind(string Accepted, Func<string, string?> Refusal)
{
    public const string NotAvailable = "is not available in this version";
    private const string ControlForms = "http://HOST:PORT, unix:/path";
    private const string NbdForms = "nbd://HOST:PORT, nbd+unix:///?socket=PATH";

    public static ValueKind Boolean { get; } = Checked("true, false", "is neither true nor false", text => bool.TryParse(text, out _));

    /// <summary>A switch that a later version will be able to turn on.</summary>
    public static ValueKind OffUntilLater { get; } = new("false", text => !bool.TryParse(text, out bool on) ? "is not false" : on ? NotAvailable : null);

    public static ValueKind Path { get; } = new("a path; a relative one counts from the configuration file's directory", PathRefusal);

    public static ValueKind Name { get; } = new(
        $"1 to {Limits.NameBytes} bytes, no '/', '@' or control characters, not beginning with '.'", NameRefusal);

    public static ValueKind ControlListen { get; } = new(ControlForms, text => ControlRefusal(text, out _));

    public static ValueKind ControlPeer { get; } = new(
        ControlForms, text => ControlRefusal(text, out ControlAddress? address) ?? NoPortZero(address is { UnixPath: null, Port: 0 }));

    public static ValueKind QmpListen { get; } = new(
        ControlAddress.UnixForm,
        text => ControlRefusal(text, out ControlAddress? address) ?? (address!.UnixPath is null ? "is no Unix socket, and QMP knows no passwords" : null));

    public static ValueKind NbdListen { get; } = new(NbdForms, text => NbdRefusal(text, out _));

    public static ValueKind NbdPeer { get; } = new(
        NbdForms, text => NbdRefusal(text, out NbdAddress? address) ?? NoPortZero(address is { IsUnix: false, Port: 0 }));

    public static ValueKind FaultRule { get; } = new("a rule of the fault nodes (tests only)", text => text.Length == 0 ? "is empty" : null);

    /// <summary>One of some words. Words that a later version will know are refused as such.</summary>
    public static ValueKind Choice(string[] accepted, params string[] later) => new(
        string.Join(", ", accepted),
        text => accepted.Contains(text) ? null : later.Contains(text) || later is ["*"] ? NotAvailable : "is none of the accepted words");

    public static ValueKind Size(long minimumBytes, long maximumBytes) => new(
        $"sizes such as 512, 64KiB, 1MiB, 10GiB, from {SizeText.Format(minimumBytes)} to {SizeText.Format(maximumBytes)}",
        text => !SizeText.TryParse(text, out long bytes) ? "is not a size" : Outside(bytes < minimumBytes, bytes > maximumBytes));

    public static ValueKind BlockSize(int minimumBytes, int maximumBytes) => new(
        $"a power of two from {SizeText.Format(minimumBytes)} to {SizeText.Format(maximumBytes)}",
        text => !SizeText.TryParse(text, out long bytes) ? "is not a size"
            : !BitOperations.IsPow2(bytes) ? "is not a power of two" : Outside(bytes < minimumBytes, bytes > maximumBytes));

    public static ValueKind Duration(TimeSpan minimum, TimeSpan maximum) => new(
        $"durations such as 500ms, 2s, 1m, from {DurationText.Format(minimum)} to {DurationText.Format(maximum)}",
        text => !DurationText.TryParse(text, out TimeSpan duration) ? "is not a duration" : Outside(duration < minimum, duration > maximum));

    private static ValueKind Checked(string accepted, string reason, Func<string, bool> accepts) => new(accepted, text => accepts(text) ? null : reason);

    private static string? Outside(bool below, bool above) => below ? "is too small" : above ? "is too large" : null;

    private static string? NoPortZero(bool isZero) => isZero ? "has port 0, where nobody can be reached" : null;

    private static string? ControlRefusal(string text, out ControlAddress? address) =>
        ControlAddress.TryParse(text, out address, out string? reason) ? null : reason;

    private static string? NbdRefusal(string text, out NbdAddress? address)
    {
        address = null;
        if (text.StartsWith("nbds://", StringComparison.Ordinal)
            || text.StartsWith("nbds+unix://", StringComparison.Ordinal)
            || text.StartsWith("grpc://", StringComparison.Ordinal))
            return NotAvailable;
        if (NbdAddress.TryParse(text, out address, out string? reason))
            return address.ExportName.Length == 0 ? null : "names an export, which is not chosen here";
        // The parser's line quotes the address, as ours does.
        string quote = $"'{text}': ";
        return reason.StartsWith(quote, StringComparison.Ordinal) ? $"is not an NBD address: {reason[quote.Length..]}" : "is not an NBD address";
    }

    private static string? PathRefusal(string text) => text.Length == 0 ? "is empty" : text.Contains('\0') ? "contains a zero byte" : null;

    private static string? NameRefusal(string text)
    {
        if (text.Length == 0)
            return "is empty";
        if (Encoding.UTF8.GetByteCount(text) > Limits.NameBytes)
            return "is too long";
        if (text[0] == '.')
            return "begins with '.'";
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value is '/' or '@' || Rune.IsControl(rune) || rune == Rune.ReplacementChar)
                return "contains a character that export and file names must not have";
        }

        return null;
    }
}
