using Replication.Block;
using Replication.Block.Files;

namespace Replication.Testing;

/// <summary>
/// A directory in memory that loses power: of files made or removed since the names were last made durable any
/// may be there, and their content is as <see cref="LossyNode"/>s lose it.
/// </summary>
public sealed class LossyFileStore : IFileStore
{
    private readonly Dictionary<string, LossyNode> _files = [];
    private readonly Dictionary<string, LossyNode> _durableNames = [];
    private readonly Dictionary<string, byte[]> _small = [];

    public string Path => "lossy";

    /// <summary>Called before a small file is replaced; what it throws is the answer.</summary>
    public Action<string> Replacing { get; set; } = _ => { };

    public BlockNode Create(string fileName, long lengthBytes, string nodeName)
    {
        var node = new LossyNode(lengthBytes, nodeName);
        _files.Add(fileName, node);
        return node;
    }

    public BlockNode? Open(string fileName, string nodeName) => _files.GetValueOrDefault(fileName);

    public void Delete(string fileName) => _files.Remove(fileName);

    public IReadOnlyList<string> List() => [.. _files.Keys];

    public byte[]? Read(string fileName) => _small.GetValueOrDefault(fileName);

    public void Replace(string fileName, ReadOnlySpan<byte> content)
    {
        Replacing(fileName);
        _small[fileName] = content.ToArray();
        SyncNames();
    }

    public void SyncNames()
    {
        _durableNames.Clear();
        foreach ((string name, LossyNode node) in _files)
            _durableNames.Add(name, node);
    }

    /// <summary>What a loss of power at this moment leaves.</summary>
    public LossyFileStore Crash(Random random)
    {
        var left = new LossyFileStore();
        foreach ((string name, byte[] content) in _small)
            left._small.Add(name, content);
        foreach (string name in _files.Keys.Union(_durableNames.Keys))
        {
            LossyNode? now = _files.GetValueOrDefault(name);
            LossyNode? durable = _durableNames.GetValueOrDefault(name);
            LossyNode? kept = now == durable || random.Next(2) == 0 ? now : durable;
            if (kept is not null)
                left._files.Add(name, kept.Crash(random));
        }

        left.SyncNames();
        return left;
    }
}
