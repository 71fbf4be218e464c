using System.Text.Json.Nodes;
using Replication.Nbd;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>The NBD server of scripts and what it shows, by the older and the newer names.</summary>
internal static class ExportCommands
{
    public static void AddTo(QmpTable table, QmpExports exports)
    {
        Do("nbd-server-start", (a, stopping) => exports.StartAsync(
            SocketAddresses.OfLegacy(a.GetObject("addr")), a.GetIntegerOrNull("max-connections") ?? 0, stopping));
        Do("nbd-server-stop", (_, stopping) => exports.StopRunningAsync(stopping));
        Do("nbd-server-add", (a, stopping) => exports.AddAsync(Older(a), stopping));
        Do("nbd-server-remove", (a, stopping) => exports.RemoveAsync(a.GetString("name"), a.GetEnum<NbdRemoveMode>("mode"), stopping));
        Do("block-export-add", (a, stopping) => exports.AddAsync(Newer(a), stopping));
        Do("block-export-del", (a, stopping) => exports.RemoveAsync(a.GetString("id"), a.GetEnum<NbdRemoveMode>("mode"), stopping));
        table.Ask("query-block-exports", _ => new JsonArray([.. exports.Query().Select(Describe)]));

        void Do(string name, Func<QmpObject, CancellationToken, Task> act) => table.Handle(name, async (arguments, stopping) =>
        {
            await act(arguments, stopping);
            return null;
        });
    }

    private static ExportRequest Older(QmpObject arguments)
    {
        string node = arguments.GetString("device");
        string name = arguments.GetStringOrNull("name") ?? node;
        return new ExportRequest(name, node, name)
        {
            Description = arguments.GetStringOrNull("description") ?? "",
            IsWritable = arguments.GetBoolean("writable"),
            Bitmaps = arguments.GetStringOrNull("bitmap") is { } bitmap ? [(null, bitmap)] : [],
        };
    }

    private static ExportRequest Newer(QmpObject arguments)
    {
        string node = arguments.GetString("node-name");
        return new ExportRequest(arguments.GetString("id"), node, arguments.GetStringOrNull("name") ?? node)
        {
            Description = arguments.GetStringOrNull("description") ?? "",
            IsWritable = arguments.GetBoolean("writable"),
            Bitmaps = [.. (arguments.Members["bitmaps"]?.AsArray() ?? []).Select(BitmapOf)],
            ShowsDepth = arguments.GetBoolean("allocation-depth"),
        };
    }

    private static (string? Disk, string Name) BitmapOf(JsonNode? bitmap)
    {
        if (bitmap is not JsonObject members)
            return (null, bitmap!.GetValue<string>());
        var named = new QmpObject(members);
        return (named.GetString("node"), named.GetString("name"));
    }

    private static JsonNode Describe(ExportRequest export) => new JsonObject
    {
        ["id"] = export.Id,
        ["type"] = "nbd",
        ["node-name"] = export.Node,
        ["shutting-down"] = false,
    };
}
