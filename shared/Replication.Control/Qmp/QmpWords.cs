using System.Text;

namespace Replication.Control.Qmp;

/// <summary>QEMU's words for the values of our enums.</summary>
internal static class QmpWords
{
    /// <summary><c>OnSuccess</c> is <c>on-success</c>.</summary>
    public static string Of<T>(T value)
        where T : struct, Enum
    {
        var word = new StringBuilder();
        foreach (char c in value.ToString())
        {
            if (char.IsUpper(c) && word.Length > 0)
                word.Append('-');
            word.Append(char.ToLowerInvariant(c));
        }

        return word.ToString();
    }

    /// <summary>The one that is a single word in QEMU too: <c>nospace</c>.</summary>
    public static string Of(Jobs.IoStatus status) => status.ToString().ToLowerInvariant();
}
