using Replication.Control.Hosting;
using Replication.Control.Options;

namespace Replication.Control.Tests.Hosting;

public sealed class HostArgumentsTests
{
    [Fact]
    public void The_configuration_is_named_in_two_ways()
    {
        Assert.Equal("a.json", HostArguments.Parse("x", ["--config", "a.json"]).ConfigurationFile);
        Assert.Equal("a.json", HostArguments.Parse("x", ["--config=a.json"]).ConfigurationFile);
    }

    [Fact]
    public void Help_and_version_are_answers()
    {
        Assert.Contains("--config FILE", HostArguments.Parse("replication-primary", ["--help"]).Answer, StringComparison.Ordinal);
        Assert.StartsWith("replication-primary 0.", HostArguments.Parse("replication-primary", ["--version"]).Answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--config: missing; accepted: --config FILE")]
    [InlineData("--config: missing; accepted: --config FILE", "--config")]
    [InlineData("--config: missing; accepted: --config FILE", "--config", "")]
    [InlineData("\"vm1.json\": unknown argument; accepted: --config FILE, --help, --version", "vm1.json")]
    [InlineData("\"--verbose\": unknown argument; accepted: --config FILE, --help, --version", "--config", "a.json", "--verbose")]
    public void Anything_else_is_refused(string line, params string[] args) =>
        Assert.Equal(line, Assert.Throws<ConfigurationException>(() => HostArguments.Parse("x", args)).Message);
}
