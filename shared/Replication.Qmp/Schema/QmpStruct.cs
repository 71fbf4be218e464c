using System.Text.Json.Nodes;

namespace Replication.Qmp.Schema;

/// <summary>An object with named members; a union has further ones that depend on the word in one of them, its tag.</summary>
internal sealed class QmpStruct : QmpType
{
    private readonly QmpMember[] _members;
    private readonly QmpMember? _tag;
    private readonly Dictionary<string, QmpMember[]> _variants = [];

    public QmpStruct(params QmpMember[] members) => _members = members;

    /// <param name="tag">The name of the tag.</param>
    /// <param name="variants">The words that it may be, each with the members that it brings.</param>
    /// <param name="members">Those that every variant has.</param>
    public QmpStruct(string tag, IEnumerable<(string Word, QmpMember[] Members)> variants, params QmpMember[] members)
    {
        _variants = variants.ToDictionary(v => v.Word, v => v.Members);
        _tag = QmpMember.Required(tag, new QmpEnum([.. _variants.Keys]));
        _members = [_tag, .. members];
    }

    /// <summary>Those that every variant has, the tag first.</summary>
    internal IReadOnlyList<QmpMember> Members => _members;

    internal IReadOnlyDictionary<string, QmpMember[]> Variants => _variants;

    internal override string Description => "an object";

    internal override bool IsOfKind(JsonNode? value) => value is JsonObject;

    internal override void Check(JsonNode? value, string path)
    {
        CheckKind(value, path);
        var sent = (JsonObject)value!;
        foreach (QmpMember member in _members)
            CheckMember(sent, member, path);
        QmpMember[] further = _tag is null ? [] : _variants[sent[_tag.Name]!.GetValue<string>()];
        foreach (QmpMember member in further)
            CheckMember(sent, member, path);
        foreach ((string name, _) in sent)
        {
            if (!_members.Concat(further).Any(member => member.Name == name))
                throw new QmpException($"argument '{PathOf(path, name)}' is unknown");
        }
    }

    private static void CheckMember(JsonObject sent, QmpMember member, string path)
    {
        string memberPath = PathOf(path, member.Name);
        if (!sent.TryGetPropertyValue(member.Name, out JsonNode? value))
        {
            if (!member.IsOptional)
                throw new QmpException($"argument '{memberPath}' is missing");
            if (member.MakeDefault is null)
                return;
            value = member.MakeDefault();
            sent.Add(member.Name, value);
        }

        member.Type.Check(value, memberPath);
    }

    private static string PathOf(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
