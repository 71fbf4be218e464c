using System.Runtime.InteropServices;
using Replication.Control.Options;

namespace Replication.Control.Hosting;

/// <summary>Makes the directories that are missing, and unmakes them unless the start succeeds.</summary>
internal sealed partial class NodeDirectories : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int WriteAndSearch = 2 | 1; // W_OK, X_OK

    private readonly List<string> _made = [];

    /// <summary>What was made stays.</summary>
    public void Keep() => _made.Clear();

    /// <summary>Sees to it that a directory is there and can be written; a new one has mode 0700.</summary>
    /// <exception cref="ConfigurationException">It cannot be made, or not be written; the key is named.</exception>
    public void Make(string key, string path)
    {
        try
        {
            if (!Directory.Exists(path))
                MakeWithParents(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(key, $"{path} cannot be created: {(File.Exists(path) ? "a file of that name is there" : e.Message)}", e);
        }

        if (access(path, WriteAndSearch) != 0)
            throw new ConfigurationException(key, $"{path} cannot be written: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    /// <summary>Removes what was made, with what has been put there meanwhile: it is this start's own.</summary>
    public void Dispose()
    {
        for (int i = _made.Count - 1; i >= 0; i--)
        {
            try
            {
                Directory.Delete(_made[i], recursive: true);
            }
            catch (IOException)
            {
                // The refusal that brings us here says more than this one would.
            }
        }

        _made.Clear();
    }

    private void MakeWithParents(string path)
    {
        if (Path.GetDirectoryName(path) is { } parent && !Directory.Exists(parent))
            MakeWithParents(parent);
        Directory.CreateDirectory(path, Private);
        _made.Add(path);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int access(string path, int mode);
}
