using System.Text;
using System.Text.Json.Nodes;
using Replication.Qmp.Json;
using Replication.Qmp.Server;

namespace Replication.Qmp.Tests.Server;

public class QmpSessionTests
{
    private readonly QmpCommands _commands = new();

    [Fact]
    public async Task Before_the_negotiation_there_is_no_other_command()
    {
        QmpSession session = NewSession();
        foreach (string command in new[] { "query-version", "quit", "query-commands", "no-such" })
            Assert.Equal("CommandNotFound", await ClassAsync(session, $"{{'execute': '{command}'}}"));
        Assert.Equal("""{"return": {}}""", await AnswerAsync(session, "{'execute': 'qmp_capabilities'}"));
        Assert.StartsWith("""{"return": {"qemu": """, await AnswerAsync(session, "{'execute': 'query-version'}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_negotiation_is_no_command()
    {
        QmpSession session = await NegotiatedAsync();
        Assert.Equal("CommandNotFound", await ClassAsync(session, "{'execute': 'qmp_capabilities'}"));
    }

    [Fact]
    public async Task A_capability_that_was_not_offered_is_refused_and_leaves_the_negotiation_open()
    {
        QmpSession session = NewSession();
        Assert.Equal("GenericError", await ClassAsync(session, "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['oob']}}"));
        Assert.Equal("CommandNotFound", await ClassAsync(session, "{'execute': 'query-version'}"));
        Assert.Equal("""{"return": {}}""", await AnswerAsync(session, "{'execute': 'qmp_capabilities', 'arguments': {'enable': []}}"));
    }

    [Theory]
    [InlineData("null", "null")]
    [InlineData("1", "1")]
    [InlineData("1.50", "1.5")]
    [InlineData("'x'", "\"x\"")]
    [InlineData("true", "true")]
    [InlineData("[1, null]", "[1, null]")]
    [InlineData("{'a': {'b': []}}", "{\"a\": {\"b\": []}}")]
    [InlineData("18446744073709551615", "18446744073709551615")]
    public async Task The_id_comes_back_with_answers_and_errors(string id, string expected)
    {
        QmpSession session = NewSession();
        Assert.Equal($"{{\"return\": {{}}, \"id\": {expected}}}", await AnswerAsync(session, $"{{'execute': 'qmp_capabilities', 'id': {id}}}"));
        foreach (string wrong in new[] { "'execute': 'no-such'", "'execute': 1", "'x': 1", "'execute': 'quit', 'arguments': {'a': 1}" })
            Assert.StartsWith($"{{\"id\": {expected}, \"error\": ", await AnswerAsync(session, $"{{'id': {id}, {wrong}}}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "a command must be a JSON object")]
    [InlineData("1 ", "a command must be a JSON object")]
    [InlineData("{}", "the command lacks the member 'execute'")]
    [InlineData("{'execute': 1}", "the member 'execute' must be a string")]
    [InlineData("{'execute': null}", "the member 'execute' must be a string")]
    [InlineData("{'execute': 'query-version', 'foo': 1}", "a command has no member 'foo': there are execute, arguments and id")]
    [InlineData("{'exec-oob': 'query-version'}", "a command has no member 'exec-oob': there are execute, arguments and id")]
    [InlineData("{'execute': 'query-version', 'arguments': 1}", "the member 'arguments' must be an object")]
    [InlineData("{'execute': 'query-version', 'arguments': null}", "the member 'arguments' must be an object")]
    [InlineData("{'execute' 1}", "not JSON: ':' expected at byte 11 of the value")]
    public async Task What_is_no_command_is_a_generic_error(string text, string expected)
    {
        JsonObject error = await ErrorAsync(await NegotiatedAsync(), text);
        Assert.Equal("GenericError", (string?)error["class"]);
        Assert.Equal(expected, (string?)error["desc"]);
    }

    [Fact]
    public async Task A_command_of_the_schema_that_nobody_carries_out_is_none()
    {
        QmpSession session = await NegotiatedAsync();
        Assert.Equal("CommandNotFound", await ClassAsync(session, "{'execute': 'query-jobs'}"));
    }

    [Fact]
    public async Task Commands_lists_the_doors_own_and_those_that_are_carried_out()
    {
        _commands.Handle("query-jobs", (_, _) => Task.FromResult<JsonNode?>(new JsonArray()));
        string answer = await AnswerAsync(await NegotiatedAsync(), "{'execute': 'query-commands'}");
        Assert.Equal(
            """{"return": [{"name": "qmp_capabilities"}, {"name": "query-commands"}, {"name": "query-jobs"}, {"name": "query-version"}, {"name": "quit"}]}""", answer);
    }

    [Fact]
    public async Task A_handler_gets_checked_arguments_and_its_value_is_the_answer()
    {
        _commands.Handle("block-job-set-speed", (arguments, _) =>
            Task.FromResult<JsonNode?>(new JsonObject { ["seen"] = arguments.GetString("device") + arguments.GetInteger("speed") }));
        QmpSession session = await NegotiatedAsync();
        Assert.Equal(
            """{"return": {"seen": "x5"}}""", await AnswerAsync(session, "{'execute': 'block-job-set-speed', 'arguments': {'device': 'x', 'speed': 5}}"));
        Assert.Equal("GenericError", await ClassAsync(session, "{'execute': 'block-job-set-speed', 'arguments': {'device': 'x'}}"));
    }

    [Theory]
    [InlineData(QmpErrorClass.GenericError)]
    [InlineData(QmpErrorClass.DeviceNotActive)]
    [InlineData(QmpErrorClass.DeviceNotFound)]
    [InlineData(QmpErrorClass.KVMMissingCap)]
    public async Task A_handlers_refusal_has_its_class_and_line(QmpErrorClass errorClass)
    {
        _commands.Handle("query-jobs", (_, _) => throw new QmpException(errorClass, "no \"luck\"\n"));
        Assert.Equal(
            $"{{\"id\": 1, \"error\": {{\"class\": \"{errorClass}\", \"desc\": \"no \\\"luck\\\"\\n\"}}}}",
            await AnswerAsync(await NegotiatedAsync(), "{'execute': 'query-jobs', 'id': 1}"));
    }

    [Fact]
    public async Task A_handlers_value_that_cannot_be_printed_is_an_error_and_no_end()
    {
        _commands.Handle("query-jobs", (_, _) => Task.FromResult<JsonNode?>(JsonValue.Create(double.NaN)));
        QmpSession session = await NegotiatedAsync();
        Assert.Equal("GenericError", await ClassAsync(session, "{'execute': 'query-jobs'}"));
    }

    private QmpSession NewSession() => new(1, _commands, new QmpServerOptions { Package = "test", Quit = () => { } });

    private async Task<QmpSession> NegotiatedAsync()
    {
        QmpSession session = NewSession();
        await AnswerAsync(session, "{'execute': 'qmp_capabilities'}");
        return session;
    }

    private static async Task<string?> ClassAsync(QmpSession session, string text) => (string?)(await ErrorAsync(session, text))["class"];

    private static async Task<JsonObject> ErrorAsync(QmpSession session, string text) =>
        JsonNode.Parse(await AnswerAsync(session, text))!["error"]!.AsObject();

    private static async Task<string> AnswerAsync(QmpSession session, string text)
    {
        new JsonFramer().Feed(Encoding.UTF8.GetBytes(text), out JsonFrame frame);
        Assert.True(frame.IsWhole);
        return Encoding.ASCII.GetString((await session.AnswerAsync(frame, CancellationToken.None)).Line)[..^2];
    }
}
