using System.Collections;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Replication.Controller.Drill.Pair;

/// <summary>One node as a process of its own. Whatever happens to the drill, the process is ended by its id.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly string _name;
    private readonly Process _process;
    private readonly string _logPath;
    private readonly Task _logging;
    private readonly EventHandler _atExit;

    private NodeProcess(string name, Process process, string logPath)
    {
        _name = name;
        _process = process;
        _logPath = logPath;
        _logging = CopyAsync(process.StandardError, logPath);
        _atExit = (_, _) => Kill();
        AppDomain.CurrentDomain.ProcessExit += _atExit;
    }

    public int ProcessId => _process.Id;

    public static NodeProcess Start(string program, string configPath, string logPath)
    {
        string name = Path.GetFileName(program);
        var start = new ProcessStartInfo(program, ["--config", configPath])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // A killed runtime leaves the sockets of its diagnostics behind: where they go with the rest.
        start.Environment["TMPDIR"] = Path.GetDirectoryName(logPath)!;
        // The drill's configuration is the file alone.
        foreach (string variable in Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(e => (string)e.Key))
        {
            if (variable.StartsWith("REPLICATION__", StringComparison.OrdinalIgnoreCase))
                start.Environment.Remove(variable);
        }

        try
        {
            return new NodeProcess(name, Process.Start(start)!, logPath);
        }
        catch (Win32Exception e)
        {
            throw new DrillException($"{program} cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Waits for the line that says where the node serves.</summary>
    public async Task<ReadyLine> WaitReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await _process.StandardOutput.ReadLineAsync(cancellationToken).AsTask().WaitAsync(Limits.Ready, cancellationToken) is { } line)
                return ReadyLine.Parse(_name, line);
        }
        catch (TimeoutException e)
        {
            throw new DrillException($"{_name} did not serve within {Limits.Ready.TotalSeconds} s (log: {_logPath})", e);
        }

        await _process.WaitForExitAsync(cancellationToken);
        await _logging;
        string? last = (await File.ReadAllLinesAsync(_logPath, cancellationToken)).LastOrDefault(l => l.Length > 0);
        throw new DrillException($"{_name} ended with exit code {_process.ExitCode} before it served: {last ?? "it said nothing"}");
    }

    /// <summary>SIGKILL, at once.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill();
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended by itself.
        }
    }

    /// <summary>SIGSTOP; returns when the process has stopped.</summary>
    public async Task FreezeAsync(CancellationToken cancellationToken)
    {
        Signal(Libc.SIGSTOP);
        // The state follows the name, which is in parentheses.
        while ((await File.ReadAllTextAsync($"/proc/{_process.Id}/stat", cancellationToken)).Split(") ")[^1][0] != 'T')
            await Task.Delay(Limits.StatusInterval, cancellationToken);
    }

    /// <summary>SIGCONT.</summary>
    public void Thaw() => Signal(Libc.SIGCONT);

    /// <summary>SIGTERM, and the exit code that a node must end with then.</summary>
    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        if (_process.HasExited)
        {
            throw new DrillException(
                string.Create(CultureInfo.InvariantCulture, $"{_name} had ended by itself with exit code {_process.ExitCode} (log: {_logPath})"));
        }

        _ = Libc.Kill(_process.Id, Libc.SIGTERM);
        try
        {
            await _process.WaitForExitAsync(cancellationToken).WaitAsync(Limits.Exit, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new DrillException($"{_name} had not ended {Limits.Exit.TotalSeconds} s after SIGTERM (log: {_logPath})", e);
        }

        if (_process.ExitCode != 0)
        {
            throw new DrillException(
                string.Create(CultureInfo.InvariantCulture, $"{_name} ended with exit code {_process.ExitCode} after SIGTERM (log: {_logPath})"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync();
        await _logging;
        AppDomain.CurrentDomain.ProcessExit -= _atExit;
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (Libc.Kill(_process.Id, signal) != 0)
            throw new DrillException($"{_name} has ended by itself (log: {_logPath})");
    }

    private static async Task CopyAsync(StreamReader source, string path)
    {
        await using FileStream target = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        await source.BaseStream.CopyToAsync(target);
    }
}
