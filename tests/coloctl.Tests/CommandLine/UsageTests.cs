using Replication.Controller.Tests.Fakes;

namespace Replication.Controller.Tests.CommandLine;

public sealed class UsageTests
{
    [Theory]
    [InlineData("--primary", "start")]
    [InlineData("--primary", "checkpoint")]
    [InlineData("--primary", "stop")]
    [InlineData("--secondary", "failover")]
    [InlineData("--primary", "failover", "--node", "primary")]
    [InlineData("--primary", "status")]
    [InlineData("--primary", "errors")]
    [InlineData("--primary", "events")]
    public async Task A_missing_address_is_named_with_its_variable(string option, params string[] args)
    {
        Run run = await Run.OfAsync(args);
        run.AssertFailed(2, option, "COLOCTL_" + option[2..].ToUpperInvariant());
    }

    [Theory]
    [InlineData]
    [InlineData("nonsense")]
    [InlineData("status", "--nonsense")]
    [InlineData("status", "extra")]
    [InlineData("start", "--sync", "some")]
    [InlineData("failover", "--node", "third")]
    [InlineData("failover", "--node")]
    [InlineData("status", "--timeout", "soon")]
    [InlineData("status", "--timeout", "0s")]
    [InlineData("status", "--timeout", "-1s")]
    [InlineData("events", "--from", "minus")]
    [InlineData("errors", "--acknowledge", "some")]
    [InlineData("errors", "--acknowledge", "0")]
    [InlineData("status", "@status")]
    [InlineData("@status")]
    public async Task Wrong_usage_is_exit_code_2(params string[] args) => (await Run.OfAsync(args)).AssertFailed(2);

    [Theory]
    [InlineData("reverse is not available in this version", "reverse")]
    [InlineData("--discard-changes-of is not available in this version", "resync", "--discard-changes-of", "primary")]
    [InlineData("--discard-changes-of primary is not available in this version", "start", "--discard-changes-of", "primary")]
    public async Task What_is_not_built_yet_is_refused_by_name(string message, params string[] args) => (await Run.OfAsync(args)).AssertFailed(2, message);

    [Theory]
    [InlineData("a verb is missing; coloctl --help lists them")]
    [InlineData("--from: 'minus' is not a whole number from 0 to 18446744073709551615\n", "events", "--from", "minus")]
    [InlineData("--disks: 'many' is not a whole number", "drill", "--disks", "many")]
    [InlineData("--seed: '-1' is not a whole number", "drill", "--seed", "-1")]
    [InlineData("--sync: 'some' is not one of auto, full, none\n", "start", "--sync", "some")]
    [InlineData("--discard-changes-of: 'mine' is not secondary\n", "start", "--discard-changes-of", "mine")]
    [InlineData("--node: 'third' is not one of secondary, primary\n", "failover", "--node", "third")]
    [InlineData("--scenario: 'none' is not one of primary-dies, ", "drill", "--scenario", "none")]
    [InlineData("--timeout: 'soon' is not a duration such as 500ms, 2s or 1m\n", "status", "--timeout", "soon")]
    public async Task A_wrong_line_is_explained_in_the_words_of_its_user(string message, params string[] args) =>
        (await Run.OfAsync(args)).AssertFailed(2, message);

    [Fact]
    public async Task Help_offers_only_what_is_built()
    {
        Run run = await Run.OfAsync("start", "--help");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("--discard-changes-of <secondary>", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("primary|secondary", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_that_is_not_there_is_called_so()
    {
        Run run = await Run.OfAsync("--primary", "unix:/nowhere/socket", "checkpoint", "--secondary", "unix:/nowhere/socket");
        run.AssertFailed(3, "unix:/nowhere/socket cannot be reached: there is no such socket");
    }

    [Fact]
    public async Task Defaults_stand_in_the_help_as_they_are_typed()
    {
        Run help = await Run.OfAsync("drill", "--help");
        Assert.Contains("[default: 5s]", help.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("00:00:05", help.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("67109376", help.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://127.0.0.1:1", "TLS")]
    [InlineData("nbd://127.0.0.1:1", "no control address")]
    [InlineData("127.0.0.1:1", "no control address")]
    [InlineData("http://127.0.0.1", "no control address")]
    [InlineData("http://127.0.0.1:0", "no control address")]
    [InlineData("http://127.0.0.1:65536", "no control address")]
    [InlineData("http://:1", "no control address")]
    [InlineData("http://127.0.0.1:1/path", "no control address")]
    [InlineData("unix:relative", "no control address")]
    [InlineData("", "no control address")]
    public async Task A_bad_address_is_refused_with_the_option_that_gave_it(string address, string reason)
    {
        (await Run.OfAsync("--primary", address, "status")).AssertFailed(2, "--primary", reason);
        if (address.Length > 0)
        {
            (await Run.OfAsync(new Dictionary<string, string> { ["COLOCTL_SECONDARY"] = address }, default, "status")).AssertFailed(
                2, "COLOCTL_SECONDARY", reason);
        }
    }

    [Fact]
    public async Task Help_and_version_are_no_failures()
    {
        Run help = await Run.OfAsync("--help");
        Assert.Equal((0, ""), (help.ExitCode, help.Error));
        Assert.Contains("checkpoint", help.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("reverse", help.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await Run.OfAsync("--version")).ExitCode);
        Assert.Equal(0, (await Run.OfAsync("failover", "--help")).ExitCode);
    }
}
