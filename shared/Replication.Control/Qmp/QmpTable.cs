using System.Text.Json.Nodes;
using Replication.Jobs;
using Replication.Nbd;
using Replication.Qmp;

namespace Replication.Control.Qmp;

/// <summary>The door's commands, as those who carry them out enter them. Their refusals become the client's here.</summary>
internal sealed class QmpTable(QmpCommands commands)
{
    public void Handle(string name, QmpHandler handler) => commands.Handle(name, async (arguments, stopping) =>
    {
        try
        {
            return await handler(arguments, stopping);
        }
        catch (JobException e)
        {
            throw new QmpException(ClassOf(e.Class), e.Message, e);
        }
        catch (NbdExportException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    });

    /// <summary>A command without an answer of its own, that is done when <paramref name="act"/> returns.</summary>
    public void Do(string name, Action<QmpObject> act) => Handle(name, (arguments, _) =>
    {
        act(arguments);
        return Task.FromResult<JsonNode?>(null);
    });

    public void Ask(string name, Func<QmpObject, JsonNode> answer) => Handle(name, (arguments, _) => Task.FromResult<JsonNode?>(answer(arguments)));

    private static QmpErrorClass ClassOf(JobErrorClass errorClass) => errorClass switch
    {
        JobErrorClass.DeviceNotFound => QmpErrorClass.DeviceNotFound,
        JobErrorClass.DeviceNotActive => QmpErrorClass.DeviceNotActive,
        _ => QmpErrorClass.GenericError,
    };
}
