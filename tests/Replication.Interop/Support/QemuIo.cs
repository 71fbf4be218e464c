namespace Replication.Interop.Support;

/// <summary>qemu-io, whose exit code says nothing about a pattern that did not match in older versions.</summary>
internal static class QemuIo
{
    public static async Task RunAsync(string uri, params string[] commands)
    {
        string output = await Command.RequireAsync("qemu-io", ["-f", "raw", .. commands.SelectMany(c => new[] { "-c", c }), uri]);
        Assert.DoesNotContain("failed", output, StringComparison.OrdinalIgnoreCase);
    }
}
