using System.Text.Json.Nodes;
using Replication.Qmp.Json;
using Replication.Qmp.Schema;

namespace Replication.Qmp.Server;

// What one client may ask and what it is answered, without the socket. A session begins in negotiation: qmp_capabilities is then the only command; afterwards
// it is none any more. Everything that is wrong is answered, nothing ends the session.
//
// Used by the connection's loop alone, one value after the other.
internal sealed class QmpSession(long client, QmpCommands commands, QmpServerOptions options)
{
    private bool _isNegotiated;

    /// <summary>The first line of every connection.</summary>
    public static byte[] Greeting(QmpServerOptions options) => JsonText.LineOf(new JsonObject
    {
        ["QMP"] = new JsonObject { ["version"] = Version(options), ["capabilities"] = new JsonArray() },
    });

    public async Task<QmpAnswer> AnswerAsync(JsonFrame frame, CancellationToken stopping)
    {
        if (frame.Error is not null)
            return Failure(new QmpException(frame.Error), id: null);
        if (frame.Value is not JsonObject request)
            return Failure(new QmpException("a command must be a JSON object"), id: null);

        KeyValuePair<string, JsonNode?>? id = request.TryGetPropertyValue("id", out JsonNode? value) ? new("id", value) : null;
        string name = "";
        try
        {
            (name, JsonObject arguments) = Take(request);
            return await ExecuteAsync(name, arguments, id, stopping);
        }
        catch (QmpException e)
        {
            return Failure(e, id);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
        {
            options.Observer?.CommandBroke(client, name, e);
            return Failure(new QmpException($"{name} has failed for a reason of the node's own, see its log: {e.Message}"), id);
        }
    }

    private static (string Name, JsonObject Arguments) Take(JsonObject request)
    {
        foreach ((string member, _) in request)
        {
            if (member is not ("execute" or "arguments" or "id"))
                throw new QmpException($"a command has no member '{member}': there are execute, arguments and id");
        }

        if (!request.TryGetPropertyValue("execute", out JsonNode? execute))
            throw new QmpException("the command lacks the member 'execute'");
        if (!QmpScalar.Text.IsOfKind(execute))
            throw new QmpException("the member 'execute' must be a string");
        if (!request.TryGetPropertyValue("arguments", out JsonNode? arguments))
            return (execute!.GetValue<string>(), []);
        return (execute!.GetValue<string>(), arguments as JsonObject ?? throw new QmpException("the member 'arguments' must be an object"));
    }

    private async Task<QmpAnswer> ExecuteAsync(string name, JsonObject arguments, KeyValuePair<string, JsonNode?>? id, CancellationToken stopping)
    {
        bool isNegotiation = name == "qmp_capabilities";
        if (!_isNegotiated && !isNegotiation)
            throw new QmpException(QmpErrorClass.CommandNotFound, $"'{name}' must wait: the first command of a connection is qmp_capabilities");
        if (_isNegotiated && isNegotiation)
            throw new QmpException(QmpErrorClass.CommandNotFound, "the capabilities of this connection are negotiated already");

        bool isOwn = QmpSchema.Own.Any(own => own.Name == name);
        if (!commands.TryFind(name, out QmpHandler? handler) && !isOwn)
            throw new QmpException(QmpErrorClass.CommandNotFound, $"there is no command '{name}'; query-commands lists those that there are");
        QmpSchema.Commands[name].Arguments.Check(arguments, path: "");
        JsonNode? result = isOwn ? ExecuteOwn(name, arguments) : await handler!(new QmpObject(arguments), stopping);
        _isNegotiated |= isNegotiation;
        KeyValuePair<string, JsonNode?> answer = new("return", result ?? new JsonObject());
        return new QmpAnswer(id is { } given ? JsonText.LineOf(answer, given) : JsonText.LineOf(answer), isNegotiation, EndsNode: name == "quit");
    }

    private JsonNode? ExecuteOwn(string name, JsonObject arguments)
    {
        switch (name)
        {
            case "query-version":
                return Version(options);
            case "query-commands":
                return new JsonArray([.. commands.Names.Select(command => new JsonObject { ["name"] = command })]);
            case "qmp_capabilities" when arguments["enable"] is JsonArray { Count: > 0 } wanted:
                throw new QmpException($"argument 'enable[0]': the capability '{wanted[0]}' is not offered");
            default:
                return null;
        }
    }

    private static QmpAnswer Failure(QmpException failure, KeyValuePair<string, JsonNode?>? id)
    {
        KeyValuePair<string, JsonNode?> error = new("error", new JsonObject { ["class"] = failure.Class.ToString(), ["desc"] = failure.Message });
        return new QmpAnswer(id is { } given ? JsonText.LineOf(given, error) : JsonText.LineOf(error));
    }

    /// <summary>The version of QEMU whose commands these are: scripts look at it to know what they may send.</summary>
    private static JsonObject Version(QmpServerOptions options) => new()
    {
        ["qemu"] = new JsonObject { ["micro"] = 0, ["minor"] = 2, ["major"] = 7 },
        ["package"] = options.Package,
    };
}
