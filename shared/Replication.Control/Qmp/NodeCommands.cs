using System.Text.Json.Nodes;
using Replication.Jobs.Graph;
using Replication.Nbd;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>Nodes that come and go.</summary>
internal static class NodeCommands
{
    public static void AddTo(QmpTable table, BlockGraph graph)
    {
        table.Handle("blockdev-add", async (arguments, stopping) =>
        {
            await graph.AddAsync(OptionsOf(arguments), stopping);
            return null;
        });
        table.Do("blockdev-del", a => graph.Delete(a.GetString("node-name")));
    }

    /// <summary>How hints about speed are taken (caches, aio, discard, detect-zeroes) is the target's own business: backups always unmap zeroes.</summary>
    private static GraphNodeOptions OptionsOf(QmpObject arguments)
    {
        string driver = arguments.GetString("driver");
        var options = new GraphNodeOptions
        {
            Name = arguments.GetStringOrNull("node-name"),
            Driver = driver,
            IsReadOnly = arguments.GetBoolean("read-only"),
        };
        if (driver == GraphNodeOptions.Nbd)
            return options with { Target = AddressOf(arguments) };
        if (driver is not (GraphNodeOptions.Raw or GraphNodeOptions.Qcow2))
            return options with { Target = arguments.GetString("filename") };
        if (arguments.Has("offset") || arguments.Has("size"))
            throw new QmpException("a part of a file is not available as a node: leave offset and size out");
        options = arguments.Members["file"] is JsonObject file
            ? options with { File = LeafOf(new QmpObject(file)) }
            : options with { FileNode = arguments.GetString("file") };
        if (!arguments.Has("backing"))
            return options;
        return arguments.Members["backing"] switch
        {
            null => options with { HasNoBacking = true },
            JsonValue => options with { Backing = arguments.GetString("backing") },
            _ => throw new QmpException("a backing node is named: make it with a blockdev-add of its own, and give its node-name"),
        };
    }

    private static GraphNodeOptions LeafOf(QmpObject file)
    {
        GraphNodeOptions leaf = OptionsOf(file);
        return leaf.Target is not null ? leaf : throw new QmpException("below raw and qcow2 there is a file, a host_device or an nbd node, no further format");
    }

    private static string AddressOf(QmpObject arguments)
    {
        NbdAddress server = SocketAddresses.Of(arguments.GetObject("server"));
        return (server with { ExportName = arguments.GetStringOrNull("export") ?? "" }).ToString();
    }
}
