using Replication.Block.State;
using Replication.Control.Options;

namespace Replication.Control.Tests.Options;

/// <summary>A configuration file in a directory of its own, and what reading it says.</summary>
internal sealed class ConfigurationFile : IDisposable
{
    public ConfigurationFile(string json)
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("options-").FullName;
        Path = System.IO.Path.Combine(Directory, "vm1.json");
        File.WriteAllText(Path, json);
    }

    public string Directory { get; }

    public string Path { get; }

    public HostOptions Read(params (string Name, string Value)[] environment) => Read(NodeRole.Primary, environment);

    public HostOptions Read(NodeRole role, params (string Name, string Value)[] environment) =>
        OptionsReader.Read(Path, environment.Select(e => KeyValuePair.Create(e.Name, e.Value)), role);

    /// <summary>The one line of the refusal.</summary>
    public string Refusal(params (string Name, string Value)[] environment)
    {
        string line = Assert.Throws<ConfigurationException>(() => Read(environment)).Message;
        Assert.DoesNotContain('\n', line);
        Assert.Equal([Path], System.IO.Directory.GetFileSystemEntries(Directory));
        return line;
    }

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
