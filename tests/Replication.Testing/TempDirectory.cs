namespace Replication.Testing;

/// <summary>A directory of a test's own, removed with all that is in it.</summary>
public sealed class TempDirectory : IDisposable
{
    public TempDirectory(string? parent = null)
    {
        Path = Directory.CreateDirectory(System.IO.Path.Combine(parent ?? System.IO.Path.GetTempPath(), $"replication-{Guid.NewGuid():N}")).FullName;
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Makes a sparse file and returns its path.</summary>
    public string CreateFile(string name, long lengthBytes)
    {
        using FileStream file = File.Create(this[name]);
        file.SetLength(lengthBytes);
        return this[name];
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The test itself removed it.
        }
    }
}
