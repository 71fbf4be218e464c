using Replication.Qmp.Schema;

namespace Replication.Qmp.Tests.Schema;

/// <summary>Lists where our table of commands says something else than QEMU does. What we leave out is no difference, unless QEMU requires it.</summary>
internal sealed class SchemaComparison(QemuSchema qemu)
{
    private readonly HashSet<(QmpType, string)> _seen = [];

    public List<string> Differences { get; } = [];

    public void Compare(QmpCommand command)
    {
        var theirs = qemu[command.Name];
        CompareStruct(command.Arguments, (string)theirs["arg-type"]!, command.Name);
    }

    private void CompareStruct(QmpStruct ours, string theirs, string path)
    {
        if (!_seen.Add((ours, theirs)))
            return;
        if (ours.Variants.Count == 0)
        {
            CompareMembers(ours.Members, qemu.MembersOf(theirs, word: null), path);
            return;
        }

        var words = qemu[theirs]["variants"]!.AsArray().Select(v => (string)v!["case"]!).ToHashSet();
        foreach ((string word, QmpMember[] further) in ours.Variants)
        {
            if (!words.Contains(word))
                Differences.Add($"{path}<{word}>");
            else
                CompareMembers([.. ours.Members, .. further], qemu.MembersOf(theirs, word), $"{path}<{word}>");
        }
    }

    private void CompareMembers(IReadOnlyList<QmpMember> ours, Dictionary<string, (string Type, bool IsOptional)> theirs, string path)
    {
        foreach (string name in theirs.Where(t => !t.Value.IsOptional).Select(t => t.Key).Except(ours.Select(m => m.Name)))
            Differences.Add($"{path} lacks {name}");
        foreach (QmpMember member in ours)
        {
            string memberPath = $"{path}.{member.Name}";
            if (!theirs.TryGetValue(member.Name, out var their))
                Differences.Add(memberPath);
            else if (their.IsOptional != member.IsOptional)
                Differences.Add($"{memberPath} may be left out: {member.IsOptional}");
            else
                CompareType(member.Type, their.Type, memberPath);
        }
    }

    private void CompareType(QmpType ours, string theirs, string path)
    {
        string kind = (string)qemu[theirs]["meta-type"]!;
        string? json = (string?)qemu[theirs]["json-type"];
        switch (ours)
        {
            case QmpEnum words when kind == "enum":
                string[] known = [.. qemu[theirs]["members"]!.AsArray().Select(m => (string)m!["name"]!)];
                Differences.AddRange(words.Words.Except(known).Select(word => $"{path}={word}"));
                break;
            case QmpStruct members when kind == "object":
                CompareStruct(members, theirs, path);
                break;
            case QmpArray array when kind == "array":
                CompareType(array.Element, (string)qemu[theirs]["element-type"]!, path + "[]");
                break;
            case QmpAlternate alternate when kind == "alternate":
                CompareAlternate(alternate, theirs, path);
                break;
            case QmpScalar or QmpInteger when kind == "builtin" && json == JsonTypeOf(ours):
                break;
            default:
                Differences.Add($"{path} is {ours.Description}, theirs is {kind} {json}");
                break;
        }
    }

    private void CompareAlternate(QmpAlternate ours, string theirs, string path)
    {
        string[] choices = [.. qemu[theirs]["members"]!.AsArray().Select(m => (string)m!["type"]!)];
        foreach (QmpType choice in ours.Choices)
        {
            (string property, string kind) = choice is QmpStruct ? ("meta-type", "object") : ("json-type", JsonTypeOf(choice));
            string? match = Array.Find(choices, c => (string?)qemu[c][property] == kind);
            if (match is null)
                Differences.Add($"{path} may be {choice.Description}");
            else
                CompareType(choice, match, path);
        }
    }

    private static string JsonTypeOf(QmpType type) => type switch
    {
        QmpInteger => "int",
        _ when type == QmpScalar.Text => "string",
        _ when type == QmpScalar.Boolean => "boolean",
        _ => "null",
    };
}
