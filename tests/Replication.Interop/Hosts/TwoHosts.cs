using System.Globalization;
using Replication.Interop.Support;

namespace Replication.Interop.Hosts;

/// <summary>
/// Two network namespaces with a wire (a veth pair) between them: hosts, as far as the network can tell. Guests and
/// the operator reach each node by Unix sockets, as over a network of their own.
/// </summary>
internal sealed class TwoHosts : IAsyncDisposable
{
    public const string PrimaryAddress = "10.213.7.1";
    public const string SecondaryAddress = "10.213.7.2";

    private const string Prefix = "replproof-";
    private const string Device = "wire";

    private static int s_count;

    private TwoHosts(string name) => (Primary, Secondary) = (name + "p", name + "s");

    /// <summary>The namespace of the primary's host.</summary>
    public string Primary { get; }

    /// <summary>The namespace of the secondary's host.</summary>
    public string Secondary { get; }

    public static async Task<TwoHosts> CreateAsync()
    {
        Programs.Require("ip");
        Programs.Require("iptables");
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "network namespaces need root");
        await RemoveLeftOversAsync();
        var hosts = new TwoHosts(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}"));
        await hosts.BuildAsync();
        return hosts;
    }

    public async Task CutAsync(HostCut cut)
    {
        // Dropped where they arrive: a sender whose own system drops its packets is told so.
        if (cut is HostCut.FromPrimary or HostCut.Both)
            await InAsync(Secondary, "iptables", "-w", "-I", "INPUT", "-i", Device, "-j", "DROP");
        if (cut is HostCut.FromSecondary or HostCut.Both)
            await InAsync(Primary, "iptables", "-w", "-I", "INPUT", "-i", Device, "-j", "DROP");
        if (cut == HostCut.InterfaceDown)
            await InAsync(Primary, "ip", "link", "set", Device, "down");
    }

    /// <summary>The wire is whole again, whatever was done to it.</summary>
    public async Task MendAsync()
    {
        await InAsync(Primary, "iptables", "-w", "-F", "INPUT");
        await InAsync(Secondary, "iptables", "-w", "-F", "INPUT");
        await InAsync(Primary, "ip", "link", "set", Device, "up");
    }

    /// <summary>With the namespaces goes all that is in them; the nodes have ended already.</summary>
    public async ValueTask DisposeAsync()
    {
        await IpAsync("netns", "del", Primary);
        await IpAsync("netns", "del", Secondary);
    }

    private async Task BuildAsync()
    {
        try
        {
            foreach (string host in new[] { Primary, Secondary })
            {
                await IpAsync("netns", "add", host);
                await InAsync(host, "ip", "link", "set", "lo", "up");
            }

            await IpAsync("link", "add", Device, "netns", Primary, "type", "veth", "peer", "name", Device, "netns", Secondary);
            foreach ((string host, string address) in new[] { (Primary, PrimaryAddress), (Secondary, SecondaryAddress) })
            {
                await InAsync(host, "ip", "address", "add", address + "/30", "dev", Device);
                await InAsync(host, "ip", "link", "set", Device, "up");
            }
        }
        catch
        {
            await RemoveAsync(name => name == Primary || name == Secondary);
            throw;
        }
    }

    /// <summary>Those of test runs that were killed.</summary>
    private static Task RemoveLeftOversAsync() => RemoveAsync(name =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && name.Split('-') is [_, var process, _] && !Directory.Exists($"/proc/{process}"));

    private static async Task RemoveAsync(Func<string, bool> which)
    {
        // One a line: its name, and perhaps "(id: N)".
        string list = await Command.RequireAsync("ip", "netns", "list");
        foreach (string name in list.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[0]).Where(which))
            await Command.RunAsync("ip", ["netns", "del", name]);
    }

    private static Task InAsync(string host, params string[] command) => IpAsync(["netns", "exec", host, .. command]);

    private static async Task IpAsync(params string[] arguments) => await Command.RequireAsync("ip", arguments);
}
