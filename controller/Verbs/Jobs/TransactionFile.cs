using System.Text.Json;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

/// <summary>
/// A transaction as QMP writes it: the command, its arguments, or the list of its actions. Of QMP's actions those that a node has, and <c>checkpoint</c>.
/// </summary>
internal static class TransactionFile
{
    private const string Root = "the transaction";

    /// <exception cref="CliException">It is none; the message says where.</exception>
    public static TransactRequest Parse(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return Request(document.RootElement);
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"{Root} is not JSON: {e.Message}");
        }
    }

    private static TransactRequest Request(JsonElement root)
    {
        var request = new TransactRequest();
        if (root.ValueKind == JsonValueKind.Array)
        {
            Add(request, root);
            return request;
        }

        var members = new JsonMembers(Root, root);
        if (members.Text("execute") is { } command)
        {
            if (command != "transaction")
                throw members.WrongMember("execute", $"is '{command}', not 'transaction'");
            members.Any("id");
            JsonElement arguments = members.Any("arguments") ?? throw members.WrongMember("arguments", "is missing");
            members.End();
            return Request(arguments);
        }

        Add(request, members.Any("actions") ?? throw members.WrongMember("actions", "is missing"));
        if (members.Object("properties") is { } properties)
        {
            request.CompletionMode = properties.Word<CompletionMode>("completion-mode");
            properties.End();
        }

        members.End();
        return request;
    }

    private static void Add(TransactRequest request, JsonElement actions)
    {
        if (actions.ValueKind != JsonValueKind.Array || actions.GetArrayLength() == 0)
            throw CliException.Usage($"{Root}'s actions are no list, or an empty one");
        int i = 0;
        foreach (JsonElement element in actions.EnumerateArray())
        {
            var action = new JsonMembers($"actions[{i++}]", element);
            string type = action.RequiredText("type");
            JsonMembers? data = action.Object("data");
            action.End();
            request.Actions.Add(Action(type, data ?? new JsonMembers(action.Path("data"), JsonDocument.Parse("{}").RootElement), action));
            data?.End();
        }
    }

    private static TransactionAction Action(string type, JsonMembers data, JsonMembers action) => type switch
    {
        "abort" => new TransactionAction { Abort = new AbortAction() },
        "checkpoint" => new TransactionAction { Checkpoint = new CheckpointAction() },
        "drive-backup" => new TransactionAction { Backup = BackupMembers.Read(data) },
        "blockdev-backup" => throw action.WrongMember(
            "type", "is 'blockdev-backup', whose target is a node that QMP's blockdev-add makes; here drive-backup names the target itself"),
        "block-dirty-bitmap-add" => new TransactionAction { BitmapAdd = Added(data) },
        "block-dirty-bitmap-remove" => new TransactionAction { BitmapRemove = Name(data) },
        "block-dirty-bitmap-clear" => new TransactionAction { BitmapClear = Name(data) },
        "block-dirty-bitmap-enable" => new TransactionAction { BitmapEnable = Name(data) },
        "block-dirty-bitmap-disable" => new TransactionAction { BitmapDisable = Name(data) },
        "block-dirty-bitmap-merge" => new TransactionAction { BitmapMerge = Merge(data) },
        _ => throw action.WrongMember("type", $"is '{type}', which no node has"),
    };

    private static BitmapName Name(JsonMembers data) => new() { Device = data.RequiredText("node"), Name = data.RequiredText("name") };

    private static BitmapSpec Added(JsonMembers data)
    {
        var added = new BitmapSpec
        {
            Device = data.RequiredText("node"),
            Name = data.RequiredText("name"),
            Persistent = data.Flag("persistent") ?? false,
            Disabled = data.Flag("disabled") ?? false,
        };
        if (data.Number("granularity") is { } granularity)
            added.GranularityBytes = granularity;
        return added;
    }

    private static BitmapMerge Merge(JsonMembers data)
    {
        var merge = new BitmapMerge { Target = new BitmapName { Device = data.RequiredText("node"), Name = data.RequiredText("target") } };
        JsonElement sources = data.Any("bitmaps") ?? throw data.WrongMember("bitmaps", "is missing");
        if (sources.ValueKind != JsonValueKind.Array)
            throw data.WrongMember("bitmaps", "is not a list");
        int i = 0;
        foreach (JsonElement source in sources.EnumerateArray())
        {
            string path = data.Path($"bitmaps[{i++}]");
            if (source.ValueKind == JsonValueKind.String)
            {
                merge.Sources.Add(new BitmapName { Device = merge.Target.Device, Name = source.GetString() });
                continue;
            }

            var members = new JsonMembers(path, source);
            merge.Sources.Add(Name(members));
            members.End();
        }

        return merge;
    }
}
