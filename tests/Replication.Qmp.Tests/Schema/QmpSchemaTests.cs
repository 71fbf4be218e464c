using System.Text.Json.Nodes;
using Replication.Qmp.Json;
using Replication.Qmp.Schema;

namespace Replication.Qmp.Tests.Schema;

public class QmpSchemaTests
{
    private const string Backup = "'device': 'd', 'target': 't', 'sync': 'full'";

    [Theory]
    [InlineData("block-job-set-speed", "{'device': 'x'}", "argument 'speed' is missing")]
    [InlineData("block-job-set-speed", "{'device': 1, 'speed': 1}", "argument 'device' must be a string, not the number 1")]
    [InlineData("block-job-set-speed", "{'device': null, 'speed': 1}", "argument 'device' must be a string, not null")]
    [InlineData("block-job-set-speed", "{'device': 'x', 'speed': '1'}", "argument 'speed' must be an integer, not a string")]
    [InlineData("block-job-set-speed", "{'device': 'x', 'speed': 1.5}", "argument 'speed' must be an integer, not the number 1.5")]
    [InlineData("block-job-set-speed", "{'device': 'x', 'speed': 9223372036854775808}", "argument 'speed' must be an integer, not the number 9223372036854775808")]
    [InlineData("block-job-set-speed", "{'device': 'x', 'speed': 1, 'y': 2}", "argument 'y' is unknown")]
    [InlineData("query-jobs", "{'y': 2}", "argument 'y' is unknown")]
    [InlineData("drive-backup", "{'device': 'd', 'target': 't', 'sync': 'ful'}", "argument 'sync' must be one of top, full, none, incremental, bitmap, not 'ful'")]
    [InlineData("drive-backup", "{" + Backup + ", 'x-perf': {'max-workers': 'a'}}", "argument 'x-perf.max-workers' must be an integer, not a string")]
    [InlineData("drive-backup", "{" + Backup + ", 'x-perf': {'b': 'a'}}", "argument 'x-perf.b' is unknown")]
    [InlineData("drive-backup", "{" + Backup + ", 'compress': 1}", "argument 'compress' must be a boolean, not the number 1")]
    [InlineData("drive-backup", "{" + Backup + ", 'cbw-timeout': -1}", "argument 'cbw-timeout' must be an integer from 0 to 4294967295, not the number -1")]
    [InlineData("blockdev-backup", "{" + Backup + ", 'format': 'raw'}", "argument 'format' is unknown")]
    [InlineData("transaction", "{}", "argument 'actions' is missing")]
    [InlineData("transaction", "{'actions': {}}", "argument 'actions' must be an array, not an object")]
    [InlineData("transaction", "{'actions': [1]}", "argument 'actions[0]' must be an object, not the number 1")]
    [InlineData("transaction", "{'actions': [{'data': {}}]}", "argument 'actions[0].type' is missing")]
    [InlineData("transaction", "{'actions': [{'type': 'abort'}]}", "argument 'actions[0].data' is missing")]
    [InlineData("transaction", "{'actions': [{'type': 'abort', 'data': {}, 'z': 1}]}", "argument 'actions[0].z' is unknown")]
    [InlineData(
        "transaction", "{'actions': [{'type': 'abort', 'data': {}}, {'type': 'block-dirty-bitmap-add', 'data': {'node': 'x'}}]}",
        "argument 'actions[1].data.name' is missing")]
    [InlineData(
        "transaction", "{'actions': [], 'properties': {'completion-mode': 'x'}}",
        "argument 'properties.completion-mode' must be one of individual, grouped, not 'x'")]
    [InlineData(
        "block-dirty-bitmap-merge", "{'node': 'n', 'target': 't', 'bitmaps': ['a', 1]}",
        "argument 'bitmaps[1]' must be a bitmap's name, or an object with node and name, not the number 1")]
    [InlineData("block-dirty-bitmap-merge", "{'node': 'n', 'target': 't', 'bitmaps': [{'node': 'x'}]}", "argument 'bitmaps[0].name' is missing")]
    [InlineData("blockdev-add", "{}", "argument 'driver' is missing")]
    [InlineData("blockdev-add", "{'driver': 'zzz'}", "argument 'driver' must be one of file, host_device, nbd, qcow2, raw, not 'zzz'")]
    [InlineData("blockdev-add", "{'driver': 'raw'}", "argument 'file' is missing")]
    [InlineData("blockdev-add", "{'driver': 'raw', 'file': null}", "argument 'file' must be a node's name, or an object that describes one, not null")]
    [InlineData("blockdev-add", "{'driver': 'raw', 'file': {'driver': 'file'}}", "argument 'file.filename' is missing")]
    [InlineData("blockdev-add", "{'driver': 'raw', 'file': {'driver': 'file', 'filename': 'f', 'z': 1}}", "argument 'file.z' is unknown")]
    [InlineData("blockdev-add", "{'driver': 'nbd', 'server': {'type': 'unix'}}", "argument 'server.path' is missing")]
    [InlineData("blockdev-add", "{'driver': 'file', 'filename': 'f', 'cache': {'direct': 1}}", "argument 'cache.direct' must be a boolean, not the number 1")]
    [InlineData("nbd-server-start", "{'addr': {'type': 'unix', 'path': 'x'}}", "argument 'addr.data' is missing")]
    [InlineData("nbd-server-remove", "{'name': 'x', 'mode': 'soft'}", "argument 'mode' must be one of safe, hard, not 'soft'")]
    public void A_wrong_argument_is_refused_with_its_path(string command, string arguments, string expected)
    {
        QmpException refusal = Assert.Throws<QmpException>(() => Check(command, arguments));
        Assert.Equal(expected, refusal.Message);
        Assert.Equal(QmpErrorClass.GenericError, refusal.Class);
    }

    [Theory]
    [InlineData("blockdev-add", "{'driver': 'qcow2', 'node-name': 'n', 'file': {'driver': 'file', 'filename': 'f'}, 'backing': null}")]
    [InlineData("blockdev-add", "{'driver': 'qcow2', 'file': 'f', 'backing': {'driver': 'raw', 'file': {'driver': 'qcow2', 'file': 'x'}}}")]
    [InlineData("blockdev-add", "{'driver': 'nbd', 'server': {'type': 'inet', 'host': 'h', 'port': '10809'}, 'export': 'e'}")]
    [InlineData("nbd-server-start", "{'addr': {'type': 'inet', 'data': {'host': 'h', 'port': '0'}}}")]
    [InlineData("block-dirty-bitmap-merge", "{'node': 'n', 'target': 't', 'bitmaps': ['a', {'node': 'x', 'name': 'b'}]}")]
    [InlineData("transaction", "{'actions': [{'type': 'checkpoint', 'data': {}}, {'type': 'drive-backup', 'data': {" + Backup + "}}]}")]
    public void A_right_one_is_taken(string command, string arguments) => Check(command, arguments);

    [Fact]
    public void What_is_left_out_has_its_default()
    {
        QmpObject backup = Check("drive-backup", "{" + Backup + "}");
        Assert.Equal(0, backup.GetInteger("speed"));
        Assert.False(backup.GetBoolean("compress"));
        Assert.Equal("report", backup.GetString("on-source-error"));
        Assert.Equal("report", backup.GetString("on-target-error"));
        Assert.True(backup.GetBoolean("auto-finalize"));
        Assert.True(backup.GetBoolean("auto-dismiss"));
        Assert.Equal("absolute-paths", backup.GetString("mode"));
        Assert.Equal("break-guest-write", backup.GetString("on-cbw-error"));
        Assert.Equal(64, backup.GetObject("x-perf").GetInteger("max-workers"));
        Assert.Null(backup.GetStringOrNull("job-id"));
        Assert.Null(backup.GetStringOrNull("bitmap-mode"));
        Assert.Null(backup.GetStringOrNull("format"));
    }

    [Fact]
    public void Defaults_reach_into_what_is_there_only_in_part()
    {
        QmpObject transaction = Check("transaction", "{'actions': [{'type': 'drive-backup', 'data': {" + Backup + ", 'x-perf': {'max-chunk': 5}}}]}");
        Assert.Equal("individual", transaction.GetObject("properties").GetString("completion-mode"));
        QmpObject performance = Assert.Single(transaction.GetObjects("actions")).GetObject("data").GetObject("x-perf");
        Assert.Equal(5, performance.GetInteger("max-chunk"));
        Assert.Equal(64, performance.GetInteger("max-workers"));
    }

    [Fact]
    public void A_word_is_read_as_an_enums_value()
    {
        QmpObject backup = Check("drive-backup", "{" + Backup + ", 'bitmap-mode': 'on-success'}");
        Assert.Equal(Mode.OnSuccess, backup.GetEnum<Mode>("bitmap-mode"));
        Assert.Equal(Mode.OnSuccess, backup.GetEnumOrNull<Mode>("bitmap-mode"));
        Assert.Null(Check("drive-backup", "{" + Backup + "}").GetEnumOrNull<Mode>("bitmap-mode"));
    }

    private enum Mode
    {
        Never,
        OnSuccess,
    }

    private static QmpObject Check(string command, string arguments)
    {
        JsonObject sent = Parse(arguments);
        QmpSchema.Commands[command].Arguments.Check(sent, path: "");
        return new QmpObject(sent);
    }

    private static JsonObject Parse(string arguments) => JsonParser.Parse(System.Text.Encoding.UTF8.GetBytes(arguments))!.AsObject();
}
