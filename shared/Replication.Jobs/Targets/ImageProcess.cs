using System.Diagnostics;
using System.Globalization;
using System.Text;
using Replication.Nbd;

namespace Replication.Jobs.Targets;

/// <summary>A qemu-nbd of one target's own, behind a socket in a private directory, and our connection to it.</summary>
/// <remarks>
/// It never outlives the node. It serves one client and ends with it; as long as there is none yet, a shell beside it waits for the end of its standard input,
/// which the kernel brings about however the node dies, and ends it then. The shell leaves when it is told to, behind the end of qemu-nbd: it must not meet
/// another process under its number. Socket and directory go as soon as the connection is there.
/// </remarks>
internal sealed class ImageProcess : IAsyncDisposable
{
    private const string Name = "qemu-nbd";

    // qemu-nbd takes the shell's place, so that its exit and its messages are the process's. A terminal's interrupt is for the node, which ends what it has
    // begun. qemu-nbd forgets a SIGTERM that comes while it opens the image, so it is sent again, as long as it is still the one under that number.
    private const string Script =
        "trap '' INT; exec 3<&0 </dev/null >/dev/null; "
        + "{ read -r _ <&3 || { kill $$; while sleep 1 && [ /proc/$$/exe -ef \"$1\" ]; do kill $$; done; }; } 2>/dev/null & "
        + "exec 3<&-; exec \"$@\"";

    private readonly string _target;
    private readonly TargetEnvironment _environment;
    private readonly Process _process;
    private readonly Task _exited;
    private readonly StringBuilder _errors = new(); // guarded by itself
    private NbdClientNode? _node;

    private ImageProcess(string target, TargetEnvironment environment, Process process)
    {
        (_target, _environment, _process) = (target, environment, process);
        _exited = Task.WhenAll(process.WaitForExitAsync(), KeepErrorsAsync());
    }

    /// <summary>The image as a disk; tells <see cref="NbdContextNames.AllocationDepth"/>, too. Belongs to this object.</summary>
    public NbdClientNode Node => _node!;

    public int Id => _process.Id;

    /// <param name="target">Name in messages.</param>
    /// <param name="image">The image, as a <c>json:</c> name.</param>
    /// <param name="environment">The node's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TargetException">In one line, in the program's words.</exception>
    public static async Task<ImageProcess> StartAsync(string target, string image, TargetEnvironment environment, CancellationToken cancellationToken)
    {
        string program = QemuPrograms.Find(Name, target, environment);
        string directory = MakeDirectory(target, environment);
        try
        {
            string socket = Path.Combine(directory, "nbd");
            var started = new ImageProcess(target, environment, Launch(program, socket, image));
            try
            {
                started._node = await started.ConnectAsync(socket, cancellationToken);
                return started;
            }
            catch
            {
                await started.EndAsync(kill: true);
                throw;
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Starts it; it is told to end by the end of its standard input.</summary>
    internal static Process Launch(string program, string socket, string image)
    {
        string[] arguments = ["-c", Script, "sh", program, "--allocation-depth", "--discard=unmap", "--detect-zeroes=unmap", "--socket", socket, image];
        ProcessStartInfo info = QemuPrograms.StartInfo("/bin/sh", arguments);
        // It has memory for each request from the allocator, which would give a MiB back to the kernel each time, and get it in pages to be cleared the next.
        info.Environment["MALLOC_MMAP_THRESHOLD_"] = (2L * Limits.CopyBytes).ToString(CultureInfo.InvariantCulture);
        info.Environment["MALLOC_TRIM_THRESHOLD_"] = Limits.ImageKeptBytes.ToString(CultureInfo.InvariantCulture);
        return Process.Start(info)!;
    }

    /// <summary>Kills it, also where it is stopped: what is under way fails, and its end need not be waited for.</summary>
    public void Cut()
    {
        Node.Abort(new IOException($"target {_target} was given up"));
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It is gone already.
        }
    }

    /// <summary>Ends the connection, waits until qemu-nbd has closed the image and is gone, and kills it where that does not come about.</summary>
    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        await EndAsync(kill: false);
    }

    private static string MakeDirectory(string target, TargetEnvironment environment)
    {
        string path = Path.Combine(environment.SocketDirectory, $"replication-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            return path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TargetException(target, TargetTrouble.Failed, $"no directory for {Name}'s socket can be made: {e.Message}", e);
        }
    }

    /// <summary>Whether it listens yet can only be tried. It greets no client before it has opened the image.</summary>
    private async Task<NbdClientNode> ConnectAsync(string socket, CancellationToken cancellationToken)
    {
        long start = _environment.Time.GetTimestamp();
        var options = new NbdClientOptions { Name = _target, ConnectDeadline = Limits.ImageOpenDeadline, Contexts = [NbdContextNames.AllocationDepth] };
        while (true)
        {
            string trouble = "it does not listen";
            try
            {
                if (File.Exists(socket))
                    return await NbdClient.ConnectAsync(NbdAddress.Unix(socket), "", options, cancellationToken);
            }
            catch (NbdConnectException e)
            {
                trouble = e.Reason;
            }

            if (_exited.IsCompleted)
                throw QemuPrograms.Refusal(Name, _target, Errors);
            if (_environment.Time.GetElapsedTime(start) > Limits.ImageOpenDeadline)
            {
                string reason = $"{Name} has not opened it within {Limits.ImageOpenDeadline.TotalSeconds:0} s: {trouble}";
                throw new TargetException(_target, TargetTrouble.Failed, reason);
            }


            await Task.WhenAny(_exited, Task.Delay(Limits.ImageOpenStep, _environment.Time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private string Errors
    {
        get
        {
            lock (_errors)
                return _errors.ToString();
        }
    }

    private async Task EndAsync(bool kill)
    {
        try
        {
            if (!kill)
                await _exited.WaitAsync(Limits.ImageCloseDeadline, _environment.Time);
        }
        catch (TimeoutException)
        {
            kill = true;
        }

        if (kill)
        {
            _process.Kill();
            await _exited;
        }

        ReleaseShell();
        _process.Dispose();
    }

    private void ReleaseShell()
    {
        try
        {
            _process.StandardInput.WriteLine();
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It is gone already, or never came to be.
        }
    }

    private async Task KeepErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_errors)
            {
                if (_errors.Length < Limits.ErrorCharacters)
                    _errors.AppendLine(line);
            }
        }
    }
}
