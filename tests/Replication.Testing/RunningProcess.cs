using System.Diagnostics;
using System.Text;
using System.Threading.Channels;

namespace Replication.Testing;

/// <summary>A process of a test's own: its lines can be awaited, it can be killed, and it never outlives the test.</summary>
public sealed class RunningProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>(); // bounded by what a test's process prints
    private readonly StringBuilder _output = new(); // guarded by itself
    private readonly Task _standardOutput;
    private readonly Task _standardError;

    private RunningProcess(Process process)
    {
        _process = process;
        process.StandardInput.Close();
        _standardOutput = PumpAsync(process.StandardOutput, _lines.Writer);
        _standardError = PumpAsync(process.StandardError, null);
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>Everything it has printed so far, on either stream.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public static RunningProcess Start(string program, params IEnumerable<string> arguments) => new(Process.Start(Programs.StartInfo(program, arguments))!);

    /// <summary>The next line of its standard output; fails with all of its output where none comes.</summary>
    public async Task<string> ReadLineAsync(TimeSpan? timeout = null)
    {
        try
        {
            return await _lines.Reader.ReadAsync().AsTask().WaitAsync(timeout ?? TestTimeouts.Patience);
        }
        catch (Exception e) when (e is ChannelClosedException or TimeoutException)
        {
            throw new InvalidOperationException($"{_process.StartInfo.FileName} printed no further line; output so far:\n{Output}", e);
        }
    }

    public async Task<int> WaitForExitAsync(TimeSpan? timeout = null)
    {
        await Task.WhenAll(_process.WaitForExitAsync(), _standardOutput, _standardError).WaitAsync(timeout ?? TestTimeouts.Patience);
        return _process.ExitCode;
    }

    /// <summary>SIGKILL, to this process alone.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Any other signal: STOP, CONT, TERM.</summary>
    public async Task SignalAsync(string signal)
    {
        using Process kill = Process.Start("/bin/kill", [$"-{signal}", Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private async Task PumpAsync(StreamReader source, ChannelWriter<string>? lines)
    {
        while (await source.ReadLineAsync() is { } line)
        {
            lock (_output)
                _output.AppendLine(line);
            lines?.TryWrite(line);
        }

        lines?.TryComplete();
    }
}
