using System.Globalization;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Output;

/// <summary>
/// Shows how far a long piece of work is, once it has taken a second: a bar that moves on a terminal, a line now and then elsewhere.
/// </summary>
internal sealed class ProgressDisplay(TextWriter? writer, bool isTerminal, TimeProvider time) : IDisposable
{
    private const int BarCells = 30;
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_betweenLines = TimeSpan.FromSeconds(2);

    private readonly long _began = time.GetTimestamp();
    private long _lastLine;
    private int _shownChars;

    public void Show(string activity, long doneBytes, long totalBytes)
    {
        if (writer is null || time.GetElapsedTime(_began) < s_quiet)
            return;
        double share = totalBytes > 0 ? Math.Clamp(doneBytes / (double)totalBytes, 0, 1) : 0;
        string text = string.Create(
            CultureInfo.InvariantCulture, $"{activity} {share * 100:0.0} % ({SizeText.Format(doneBytes)} of {SizeText.Format(totalBytes)})");
        if (isTerminal)
            Redraw($"[{new string('#', (int)(share * BarCells)).PadRight(BarCells, '.')}] {text}");
        else
            Append(text);
    }

    /// <summary>Takes the bar away, so that a result or a failure begins on a clean line.</summary>
    public void Dispose()
    {
        if (_shownChars > 0)
            writer!.Write("\r" + new string(' ', _shownChars) + "\r");
    }

    private void Redraw(string text)
    {
        writer!.Write("\r" + text.PadRight(_shownChars));
        writer.Flush();
        _shownChars = Math.Max(_shownChars, text.Length);
    }

    private void Append(string text)
    {
        if (_lastLine != 0 && time.GetElapsedTime(_lastLine) < s_betweenLines)
            return;
        _lastLine = time.GetTimestamp();
        writer!.WriteLine(text);
    }
}
