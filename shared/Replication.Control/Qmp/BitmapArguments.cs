using System.Text.Json.Nodes;
using Replication.Jobs.Commands;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>The verbs of bitmaps as actions; a verb alone is a transaction of one action.</summary>
internal static class BitmapArguments
{
    public static readonly IReadOnlyDictionary<string, Func<QmpObject, TransactionAction>> Verbs = new Dictionary<string, Func<QmpObject, TransactionAction>>
    {
        ["block-dirty-bitmap-add"] = a => new TransactionAction.BitmapAdd(
            Node(a), Name(a), a.GetIntegerOrNull("granularity"), a.GetBoolean("persistent"), a.GetBoolean("disabled")),
        ["block-dirty-bitmap-remove"] = a => new TransactionAction.BitmapRemove(Node(a), Name(a)),
        ["block-dirty-bitmap-clear"] = a => new TransactionAction.BitmapClear(Node(a), Name(a)),
        ["block-dirty-bitmap-enable"] = a => new TransactionAction.BitmapEnable(Node(a), Name(a)),
        ["block-dirty-bitmap-disable"] = a => new TransactionAction.BitmapDisable(Node(a), Name(a)),
        ["block-dirty-bitmap-merge"] = a => new TransactionAction.BitmapMerge(
            Node(a), a.GetString("target"), [.. a.Members["bitmaps"]!.AsArray().Select(source => SourceOf(Node(a), source!))]),
    };

    /// <summary>A name is a bitmap of the target's own disk.</summary>
    private static (string Device, string Name) SourceOf(string node, JsonNode source)
    {
        if (source is not JsonObject members)
            return (node, source.GetValue<string>());
        var named = new QmpObject(members);
        return (Node(named), Name(named));
    }

    private static string Node(QmpObject arguments) => arguments.GetString("node");

    private static string Name(QmpObject arguments) => arguments.GetString("name");
}
