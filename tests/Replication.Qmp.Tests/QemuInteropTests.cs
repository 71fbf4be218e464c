using System.Text;
using System.Text.Json.Nodes;
using Replication.Qmp.Schema;
using Replication.Qmp.Tests.Schema;
using Replication.Testing;

namespace Replication.Qmp.Tests;

/// <summary>A real QEMU and this door, asked the same.</summary>
public sealed class QemuInteropTests : IAsyncLifetime
{
    private readonly TempDirectory _directory = new();
    private RunningProcess? _qemu;

    public async ValueTask InitializeAsync()
    {
        string program = Programs.Require("qemu-system-x86_64");
        _qemu = RunningProcess.Start(
            program, "-M", "none", "-nodefaults", "-display", "none",
            "-chardev", $"socket,id=c,path={_directory["qemu.sock"]},server=on,wait=off", "-mon", "c,mode=control");
        await Eventually.TrueAsync(() => File.Exists(_directory["qemu.sock"]) || _qemu.HasExited);
    }

    public async ValueTask DisposeAsync()
    {
        if (_qemu is not null)
            await _qemu.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Every_argument_of_our_commands_is_QEMUs()
    {
        using QmpTestClient qemu = await QmpTestClient.ConnectAsync(_directory["qemu.sock"]);
        await qemu.ReadAsync();
        await qemu.AskAsync("{'execute': 'qmp_capabilities'}");
        var comparison = new SchemaComparison(new QemuSchema((await qemu.AskAsync("{'execute': 'query-qmp-schema'}"))["return"]!.AsArray()));
        foreach (QmpCommand command in QmpSchema.Commands.Values.Where(command => command.Name != "qmp_capabilities"))
            comparison.Compare(command);

        // Later than the oldest QEMU whose commands these are, or ours.
        string[] further = [".on-cbw-error", ".cbw-timeout", ".discard-source", ".x-perf.min-cluster-size", "<checkpoint>", ".type=checkpoint"];
        comparison.Differences.RemoveAll(difference => further.Any(f => difference.EndsWith(f, StringComparison.Ordinal)));
        Assert.Empty(comparison.Differences);
    }

    [Fact]
    public async Task The_same_bytes_get_answers_of_the_same_kind()
    {
        await using var world = new QmpWorld(commands => commands.Handle(
            "block-job-set-speed", (_, _) => throw new QmpException(QmpErrorClass.DeviceNotActive, "there is no such job")));
        using QmpTestClient ours = await QmpTestClient.ConnectAsync(world.SocketPath);
        using QmpTestClient qemu = await QmpTestClient.ConnectAsync(_directory["qemu.sock"]);
        Assert.Equal(["version", "capabilities"], (await ours.ReadAsync())["QMP"]!.AsObject().Select(m => m.Key));
        Assert.Equal(["version", "capabilities"], (await qemu.ReadAsync())["QMP"]!.AsObject().Select(m => m.Key));

        foreach (string text in Conversation)
            await CompareAsync(qemu, ours, [.. Encoding.UTF8.GetBytes(text), (byte)'\n']);
    }

    [Fact]
    public async Task Whatever_is_sent_costs_as_many_errors_and_no_command_after_it()
    {
        await using var world = new QmpWorld();
        using QmpTestClient ours = await world.NegotiateAsync();
        using QmpTestClient qemu = await QmpTestClient.ConnectAsync(_directory["qemu.sock"]);
        await qemu.ReadAsync();
        await qemu.AskAsync("{'execute': 'qmp_capabilities'}");

        // No e may follow a zero: QEMU does not know 0e5, which is a number in JSON and for us.
        byte[][] parts =
        [
            .. "{|}|[|]|,|:|'a'|\"b\"|1|-2|0|-|.|5e|+|A|true|abc| |\n|\t|%|'|\"|\\|'execute'|'no-such'|'id'|\\n|\\u0041|\\ud800"
                .Split('|').Select(Encoding.UTF8.GetBytes),
            [0x01], [0x7F], [0xC3, 0xA9], [0xFE], [0xFF],
        ];
        Random random = DeterministicRandom.Create();
        for (int round = 0; round < 2000; round++)
        {
            byte[] sent = [.. Enumerable.Range(0, random.Next(1, 14)).SelectMany(_ => parts[random.Next(parts.Length)])];
            await CompareAsync(qemu, ours, [.. sent, 0xFF, (byte)'\n']);
        }
    }

    /// <summary>Both get the bytes, and a mark behind them, so that the number of answers is compared too.</summary>
    private static async Task CompareAsync(QmpTestClient qemu, QmpTestClient ours, byte[] bytes)
    {
        byte[] marked = [.. bytes, .. "{'execute': 'no-such', 'id': 'mark'}"u8];
        await ours.SendAsync(marked);
        await qemu.SendAsync(marked);
        string text = Encoding.Latin1.GetString(bytes);
        Assert.Equal((text, await ReadToMarkAsync(qemu)), (text, await ReadToMarkAsync(ours)));
    }

    private static string[] Conversation =>
    [
        "{'execute': 'query-version'}", "{'execute': 'no-such', 'id': 1}", "[]", "{}", "{'execute': 1, 'id': 3}",
        "{'execute': 'qmp_capabilities', 'arguments': {'enable': ['no-such']}, 'id': 'x'}",
        "{'execute': 'qmp_capabilities', 'arguments': {'a': 1}, 'id': 'x'}",
        "{'execute': 'qmp_capabilities', 'arguments': {'enable': []}, 'id': {'a': [1, null]}}",
        "{'execute': 'qmp_capabilities', 'id': [1.5, -0, 'é\\ud834\\udd1e<>&']}",
        "{'execute': 'no-such', 'id': 1.50}", "{'execute': 'no-such', 'id': null}", "{'execute': 'no-such', 'id': 18446744073709551615}",
        "{'execute': 'query-commands', 'id': '\\b\\f\\n\\r\\t\\\\\\/\\\"'}",
        "[]", "1 ", "'x'", "true ", "{}", "{'execute': 1, 'id': 3}", "{'execute': 'query-version', 'foo': 1, 'id': 3}",
        "{'execute': 'query-version', 'arguments': 1}", "{'execute': 'query-version', 'arguments': {'a': 1}}",
        "{'execute': 'query-commands' 'id': 1}", "}}]", "{ 'a' ] ", "abc ", "{'a': abc}", "{'a': 1, 'a': 2}", "{'execute': 'q\\ud800'}", "%", "{'a':\u0001",
        "{'execute': 'un\u0001finished'}", "{'execute': 'unfinished", ",", ":", "{'a': 1,}", "[1 2]", "{1: 2}",
        "{'execute': 'block-job-set-speed', 'id': 5}", "{'execute': 'block-job-set-speed', 'arguments': {'device': 1, 'speed': 1}}",
        "{'execute': 'block-job-set-speed', 'arguments': {'device': 'd', 'speed': 1}, 'id': 6}",
    ];

    /// <summary>What an answer is, without its text: QEMU's is QEMU's.</summary>
    private static async Task<string> ReadToMarkAsync(QmpTestClient client)
    {
        List<string> answers = [];
        while (true)
        {
            JsonObject answer = await client.ReadAsync();
            string id = answer.TryGetPropertyValue("id", out JsonNode? value) ? $" id {value?.ToJsonString() ?? "null"}" : "";
            if (id == " id \"mark\"")
                return string.Join(", ", answers);
            answers.Add((answer["error"]?["class"]?.ToString() ?? "return") + id);
        }
    }
}
