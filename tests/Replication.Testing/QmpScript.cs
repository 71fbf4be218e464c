using System.Text.Json.Nodes;
using Xunit;

namespace Replication.Testing;

/// <summary>A script at a QMP door, of QEMU or of ours: one command after the other, events kept in order.</summary>
public sealed class QmpScript : IDisposable
{
    private readonly QmpTestClient _client;
    private readonly List<JsonObject> _events = []; // that nobody has taken yet

    private QmpScript(QmpTestClient client) => _client = client;

    /// <summary>The answer to the connection.</summary>
    public JsonObject Greeting { get; private set; } = [];

    public static async Task<QmpScript> ConnectAsync(string path)
    {
        var script = new QmpScript(await QmpTestClient.ConnectAsync(path));
        script.Greeting = await script._client.ReadAsync();
        await script.RunAsync("qmp_capabilities");
        return script;
    }

    /// <summary>A command that succeeds: what it returns.</summary>
    public async Task<JsonNode> RunAsync(string command, string? arguments = null)
    {
        JsonObject answer = await AskAsync(command, arguments);
        Assert.True(answer.ContainsKey("return"), $"{command} {arguments}: {answer["error"]?.ToJsonString()}");
        return answer["return"]!;
    }

    /// <summary>A command that is refused: the class of the error, and its text.</summary>
    public async Task<(string Class, string Text)> RefusedAsync(string command, string? arguments = null)
    {
        JsonObject answer = await AskAsync(command, arguments);
        Assert.True(answer["error"] is JsonObject, $"{command} {arguments} is not refused: {answer.ToJsonString()}");
        return (answer["error"]!["class"]!.GetValue<string>(), answer["error"]!["desc"]!.GetValue<string>());
    }

    /// <summary>The next event of that name, and all before it are passed over; its members.</summary>
    public Task<JsonObject> EventAsync(string name) => EventAsync(happened => happened["event"]!.GetValue<string>() == name);

    /// <summary>A job's next change to that state.</summary>
    public Task<JsonObject> StatusAsync(string job, string status) => EventAsync(happened => happened["event"]!.GetValue<string>() == "JOB_STATUS_CHANGE"
        && happened["data"]!["id"]!.GetValue<string>() == job && happened["data"]!["status"]!.GetValue<string>() == status);

    /// <summary>Everything that was told and that nobody has taken, each as its name and the state, where it has one.</summary>
    public string[] TakeEvents()
    {
        string[] told = [.. _events.Select(happened => happened["data"]?["status"] is { } status ? status.ToString() : happened["event"]!.ToString())];
        _events.Clear();
        return told;
    }

    /// <summary>Null: the door has closed the connection.</summary>
    public Task<string?> ReadLineAsync() => _client.ReadLineAsync();

    public void Dispose() => _client.Dispose();

    private async Task<JsonObject> EventAsync(Func<JsonObject, bool> isMeant)
    {
        while (true)
        {
            while (_events.Count > 0)
            {
                JsonObject happened = _events[0];
                _events.RemoveAt(0);
                if (isMeant(happened))
                    return happened["data"] as JsonObject ?? [];
            }

            _events.Add(await _client.ReadAsync());
        }
    }

    private async Task<JsonObject> AskAsync(string command, string? arguments)
    {
        await _client.SendAsync($$"""{"execute": "{{command}}"{{(arguments is null ? "" : $", \"arguments\": {arguments}")}}}""");
        while (true)
        {
            JsonObject answer = await _client.ReadAsync();
            if (!answer.ContainsKey("event"))
                return answer;
            _events.Add(answer);
        }
    }
}
