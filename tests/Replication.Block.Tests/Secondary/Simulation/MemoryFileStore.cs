using Replication.Block.Files;
using Replication.Testing;

namespace Replication.Block.Tests.Secondary.Simulation;

/// <summary>A directory in memory, which a kill can be taken a picture of.</summary>
internal sealed class MemoryFileStore : IFileStore
{
    private readonly Dictionary<string, MemoryNode> _files = [];
    private readonly Dictionary<string, byte[]> _small = [];

    public string Path => "memory";

    public BlockNode Create(string fileName, long lengthBytes, string nodeName)
    {
        var node = new MemoryNode(lengthBytes, nodeName);
        _files.Add(fileName, node);
        return node;
    }

    public BlockNode? Open(string fileName, string nodeName) => _files.GetValueOrDefault(fileName);

    public void Delete(string fileName) => _files.Remove(fileName);

    public IReadOnlyList<string> List() => [.. _files.Keys];

    public byte[]? Read(string fileName) => _small.GetValueOrDefault(fileName);

    public void Replace(string fileName, ReadOnlySpan<byte> content) => _small[fileName] = content.ToArray();

    public MemoryFileStore Clone()
    {
        var clone = new MemoryFileStore();
        foreach ((string name, MemoryNode node) in _files)
            clone._files.Add(name, Copy(node));
        foreach ((string name, byte[] content) in _small)
            clone._small.Add(name, content);
        return clone;
    }

    public static MemoryNode Copy(MemoryNode node)
    {
        var copy = new MemoryNode(node.LengthBytes, node.Name);
        ReadOnlyMemory<byte> content = node.Snapshot();
        for (int offset = 0; offset < content.Length; offset += 4096)
        {
            ReadOnlyMemory<byte> page = content.Slice(offset, Math.Min(4096, content.Length - offset));
            if (page.Span.ContainsAnyExcept((byte)0))
                Invariant.Check(copy.WriteAsync(offset, page).IsCompletedSuccessfully, "memory answers at once");
        }

        return copy;
    }
}
