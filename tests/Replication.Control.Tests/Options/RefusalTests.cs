namespace Replication.Control.Tests.Options;

/// <summary>Every way in which a configuration can be wrong, with the line that says so.</summary>
public sealed class RefusalTests
{
    private const string Later = "is not available in this version";

    [Theory]
    // Unknown names.
    [InlineData("Colour", "1", "Replication:Colour: unknown key; known here: Group, StateDirectory, Durability, Control, "
        + "Guest, Peer, Mirror, Overlay, Disks, Qmp, Faults")]
    [InlineData("Mirror:Dedline", "\"1s\"", "Replication:Mirror:Dedline: unknown key; known here: Listen, AllowInsecure, AllowPlain, "
        + "Acknowledge, Deadline, Window, Resync, ResyncRate")]
    [InlineData("Group:Name", "\"x\"", "Replication:Group:Name: unknown key; known here: nothing", "Group", "{}")]
    [InlineData("Disks:0:Size", "\"1GiB\"", "Replication:Disks:0:Size: unknown key; known here: Name, Path, Format, Cache")]
    [InlineData("Disks", """{ "first": { "Name": "a" } }""", "Replication:Disks:first: unknown key; known here: indexes from 0")]
    // Shapes.
    [InlineData("Mirror", "\"fast\"", "Replication:Mirror: must be an object")]
    [InlineData("Control:Listen", "\"http://127.0.0.1:1\"", "Replication:Control:Listen: must be a list")]
    [InlineData("Disks", "[ \"disk0.raw\" ]", "Replication:Disks:0: must be an object")]
    // Missing.
    [InlineData("Group", null, "Replication:Group: missing; accepted: 1 to 200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("StateDirectory", null, "Replication:StateDirectory: missing; accepted: a path; a relative one counts from the configuration file's directory")]
    [InlineData("Control", null, "Replication:Control:Listen:0: missing; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Guest:Listen", "[]", "Replication:Guest:Listen:0: missing; accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    [InlineData("Disks", null, "Replication:Disks:0:Name: missing; accepted: 1 to 200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("Disks:0:Path", null, "Replication:Disks:0:Path: missing; accepted: a path; a relative one counts from the configuration file's directory")]
    // Values.
    [InlineData("Group", "\"\"", "Replication:Group: \"\" is empty; accepted: 1 to 200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("Mirror:Deadline", "\"500\"", "Replication:Mirror:Deadline: \"500\" is not a duration; accepted: durations "
        + "such as 500ms, 2s, 1m, from 10ms to 10m")]
    [InlineData("Mirror:Deadline", "\"1ms\"", "Replication:Mirror:Deadline: \"1ms\" is too small; accepted: durations such as 500ms, 2s, 1m, from 10ms to 10m")]
    [InlineData("Mirror:Deadline", "\"-1s\"", "Replication:Mirror:Deadline: \"-1s\" is not a duration; accepted: durations "
        + "such as 500ms, 2s, 1m, from 10ms to 10m")]
    [InlineData("Peer:WaitAtStart", "\"2h\"", "Replication:Peer:WaitAtStart: \"2h\" is too large; accepted: durations such as 500ms, 2s, 1m, from 0ms to 1h")]
    [InlineData("Mirror:Window", "\"64MB\"", "Replication:Mirror:Window: \"64MB\" is not a size; accepted: sizes such as "
        + "512, 64KiB, 1MiB, 10GiB, from 1MiB to 16GiB")]
    [InlineData("Mirror:Window", "512", "Replication:Mirror:Window: \"512\" is too small; accepted: sizes such as 512, 64KiB, 1MiB, 10GiB, from 1MiB to 16GiB")]
    [InlineData("Mirror:Window", "\"99999999999TiB\"", "Replication:Mirror:Window: \"99999999999TiB\" is not a size; accepted: sizes such as "
        + "512, 64KiB, 1MiB, 10GiB, from 1MiB to 16GiB")]
    [InlineData("Mirror:Acknowledge", "\"remote\"", "Replication:Mirror:Acknowledge: \"remote\" is none of the accepted words; accepted: applied, local")]
    [InlineData("Mirror:ResyncRate", "\"-1\"", "Replication:Mirror:ResyncRate: \"-1\" is not a size; accepted: sizes such as "
        + "512, 64KiB, 1MiB, 10GiB, from 0 to 1TiB")]
    [InlineData("Mirror:Resync", "\"never\"", "Replication:Mirror:Resync: \"never\" is none of the accepted words; accepted: auto, manual")]
    [InlineData("Mirror:AllowPlain", "\"yes\"", "Replication:Mirror:AllowPlain: \"yes\" is not false; accepted: false")]
    [InlineData("Mirror:AllowPlain", "true", "Replication:Mirror:AllowPlain: \"True\" is not available in this version; accepted: false")]
    [InlineData("Overlay:BlockSize", "\"5KiB\"", "Replication:Overlay:BlockSize: \"5KiB\" is not a power of two; accepted: a power of two from 4KiB to 1MiB")]
    [InlineData("Overlay:BlockSize", "\"2MiB\"", "Replication:Overlay:BlockSize: \"2MiB\" is too large; accepted: a power of two from 4KiB to 1MiB")]
    [InlineData("Overlay", """{ "Limit": "1GiB", "SoftLimit": "2GiB" }""", "Replication:Overlay:SoftLimit: \"2GiB\" is more than Replication:Overlay:Limit, 1GiB; accepted: at most that")]
    [InlineData("Overlay:SoftLimit", "\"5GiB\"", "Replication:Overlay:SoftLimit: \"5GiB\" is more than Replication:Overlay:Limit, 4GiB; accepted: at most that")]
    [InlineData("Disks:0:Name", "\"a/b\"", "Replication:Disks:0:Name: \"a/b\" contains a character that export and file names must not have; accepted: 1 to "
        + "200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("Disks:0:Name", "\"a@b\"", "Replication:Disks:0:Name: \"a@b\" contains a character that export and file names must not have; accepted: 1 to "
        + "200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("Disks:0:Name", "\"a\\nb\"", "Replication:Disks:0:Name: \"a?b\" contains a character that export and file names must not have; accepted: 1 to "
        + "200 bytes, no '/', '@' or control characters, not beginning with '.'")]
    [InlineData("Disks:0:Name", "\"..\"", "Replication:Disks:0:Name: \"..\" begins with '.'; accepted: 1 to 200 bytes, no '/', '@' or "
        + "control characters, not beginning with '.'")]
    [InlineData("Disks", """[{"Name":"a","Path":"x"},{"Name":"a","Path":"y"}]""", "Replication:Disks:1:Name: \"a\" is the name of disk 0 already; names must differ")]
    [InlineData("Disks", """[{"Name":"a","Path":"x"},{"Name":"b","Path":"./x"}]""", "Replication:Disks:1:Path: \"./x\" is the path of disk 0 already; paths must differ")]
    // Addresses.
    [InlineData("Control:Listen:0", "\"127.0.0.1:7101\"", "Replication:Control:Listen:0: \"127.0.0.1:7101\" is not a control "
        + "address; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Control:Listen:0", "\"http://127.0.0.1\"", "Replication:Control:Listen:0: \"http://127.0.0.1\" has no "
        + "port; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Control:Listen:0", "\"http://127.0.0.1:70000\"", "Replication:Control:Listen:0: \"http://127.0.0.1:70000\" has a bad "
        + "port; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Control:Listen:0", "\"http://127.0.0.1:1/x\"", "Replication:Control:Listen:0: \"http://127.0.0.1:1/x\" has a bad "
        + "port; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Control:Listen:0", "\"http://a b:1\"", "Replication:Control:Listen:0: \"http://a b:1\" has a bad host; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Control:Listen:0", "\"unix:\"", "Replication:Control:Listen:0: \"unix:\" names no socket; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Peer:Control", "\"http://127.0.0.1:0\"", "Replication:Peer:Control: \"http://127.0.0.1:0\" has port 0, where nobody can be "
        + "reached; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Guest:Listen:0", "\"tcp://127.0.0.1:1\"", "Replication:Guest:Listen:0: \"tcp://127.0.0.1:1\" is not an NBD address; accepted: "
        + "nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    [InlineData("Guest:Listen:0", "\"nbd://127.0.0.1:x\"", "Replication:Guest:Listen:0: \"nbd://127.0.0.1:x\" is not an NBD address: 'x' is no port (0 to "
        + "65535); accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    [InlineData("Mirror:Listen", "[\"nbd://127.0.0.1:1/disk0\"]", "Replication:Mirror:Listen:0: \"nbd://127.0.0.1:1/disk0\" names an export, which is not "
        + "chosen here; accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    [InlineData("Peer:Mirror", "\"nbd://127.0.0.1:0\"", "Replication:Peer:Mirror: \"nbd://127.0.0.1:0\" has port 0, where nobody can be reached; accepted: "
        + "nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    // What a later version will know.
    [InlineData("Qmp:Listen", "\"http://127.0.0.1:1\"", "Replication:Qmp:Listen: \"http://127.0.0.1:1\" is no Unix socket, and QMP knows no "
        + "passwords; accepted: unix:/path")]
    [InlineData("Qmp:Listen", "\"/run/qmp\"", "Replication:Qmp:Listen: \"/run/qmp\" is not a control address; accepted: unix:/path")]
    [InlineData("Qmp:Listen", "[]", "Replication:Qmp:Listen: \"\" is not a control address; accepted: unix:/path")]
    [InlineData("Control:Tls", """{ "Certificate": "a.pem" }""", "Replication:Control:Tls:Certificate: " + Later)]
    [InlineData("Durability", "\"raid\"", "Replication:Durability: \"raid\" is none of the accepted words; accepted: process, power")]
    [InlineData("Disks:0:Cache", "\"none\"", "Replication:Disks:0:Cache: \"none\" " + Later + "; accepted: writeback")]
    [InlineData("Disks:0:Format", "\"qcow2\"", "Replication:Disks:0:Format: \"qcow2\" " + Later + "; accepted: raw")]
    [InlineData("Control:Listen:0", "\"https://127.0.0.1:1\"", "Replication:Control:Listen:0: \"https://127.0.0.1:1\" " + Later + "; accepted: http://HOST:PORT, unix:/path")]
    [InlineData("Guest:Listen:0", "\"nbds://127.0.0.1:1\"", "Replication:Guest:Listen:0: \"nbds://127.0.0.1:1\" " + Later + "; accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    [InlineData("Peer:Mirror", "\"grpc://127.0.0.1:1\"", "Replication:Peer:Mirror: \"grpc://127.0.0.1:1\" " + Later + "; accepted: nbd://HOST:PORT, nbd+unix:///?socket=PATH")]
    public void A_wrong_key_is_refused_with_one_line(string path, string? json, string line, string? first = null, string? firstJson = null)
    {
        using var file = new ConfigurationFile(Samples.With(first is null ? Samples.Primary : Samples.With(first, firstJson), path, json));
        Assert.Equal(line, file.Refusal());
    }

    [Theory]
    [InlineData("REPLICATION__FOO", "1", "Replication:FOO (environment variable REPLICATION__FOO): unknown key; known here: Group, ")]
    [InlineData("REPLICATION__MIRROR__DEADLINE", "soon", "Replication:Mirror:Deadline (environment variable REPLICATION__MIRROR__DEADLINE): \"soon\" is not a "
        + "duration; accepted: durations such as 500ms")]
    [InlineData("REPLICATION__MIRROR__DEADLINE", "", "Replication:Mirror:Deadline (environment variable REPLICATION__MIRROR__DEADLINE): \"\" is not a duration")]
    [InlineData("REPLICATION__DURABILITY", "raid", "Replication:Durability (environment variable "
        + "REPLICATION__DURABILITY): \"raid\" is none of the accepted words")]
    [InlineData("REPLICATION__QMP__LISTEN", "unix:", "Replication:Qmp:Listen (environment variable REPLICATION__QMP__LISTEN): \"unix:\" names no "
        + "socket; accepted: unix:/path")]
    [InlineData("REPLICATION__GUEST__LISTEN", "nbd://127.0.0.1:1", "Replication:Guest:Listen (environment variable REPLICATION__GUEST__LISTEN): must be a "
        + "list: set REPLICATION__GUEST__LISTEN__0")]
    [InlineData("REPLICATION__MIRROR", "x", "Replication:Mirror (environment variable REPLICATION__MIRROR): must be an object")]
    [InlineData("REPLICATION__DISKS__1__NAME", "b", "Replication:Disks:1:Path: missing; accepted: a path")]
    public void A_wrong_variable_is_refused_by_its_name(string variable, string value, string begin)
    {
        using var file = new ConfigurationFile(Samples.Primary);
        Assert.StartsWith(begin, file.Refusal((variable, value)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"Replication\": ", " is not valid JSON: ")]
    [InlineData("", " is not valid JSON: ")]
    [InlineData("[]", " is not valid JSON: ")]
    [InlineData("{ \"Replication\": { \"Group\": \"a\", \"group\": \"b\" } }", " is not valid JSON: ")]
    public void A_file_that_is_no_JSON_object_is_refused(string text, string says)
    {
        using var file = new ConfigurationFile(text);
        string line = file.Refusal();
        Assert.StartsWith($"--config: {file.Path}{says}", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_beside_ours_is_refused()
    {
        using var file = new ConfigurationFile("""{ "Logging": { "LogLevel": "x" } }""");
        Assert.Equal("Logging: unknown key; everything lies in the section Replication", file.Refusal());
    }

    [Fact]
    public void A_missing_file_is_refused()
    {
        using var file = new ConfigurationFile("");
        File.Delete(file.Path);
        var refusal = Assert.Throws<Replication.Control.Options.ConfigurationException>(() => file.Read());
        Assert.Equal($"--config: {file.Path}: there is no such file", refusal.Message);
    }

    [Fact]
    public void A_directory_and_a_disk_image_are_no_configuration()
    {
        using var file = new ConfigurationFile("");
        var refusal = Assert.Throws<Replication.Control.Options.ConfigurationException>(
            () => Replication.Control.Options.OptionsReader.Read(file.Directory, [], Replication.Block.State.NodeRole.Primary));
        Assert.Equal($"--config: {file.Directory} cannot be read: it is a directory", refusal.Message);
        using (FileStream image = File.OpenWrite(file.Path))
            image.SetLength(64 << 20);
        Assert.Equal($"--config: {file.Path} is larger than 1MiB, so it is no configuration", file.Refusal());
    }

    [Fact]
    public void A_long_value_is_shortened_and_stays_one_line()
    {
        using var file = new ConfigurationFile(Samples.With("Mirror:Deadline", $"\"{new string('9', 5000)}\\n\""));
        Assert.True(file.Refusal().Length < 400);
    }
}
