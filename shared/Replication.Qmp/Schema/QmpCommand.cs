namespace Replication.Qmp.Schema;

/// <summary>A command's name and arguments.</summary>
internal sealed record QmpCommand(string Name, QmpStruct Arguments)
{
    public QmpCommand(string name, params QmpMember[] arguments)
        : this(name, new QmpStruct(arguments))
    {
    }
}
