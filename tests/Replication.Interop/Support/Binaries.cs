using System.Runtime.InteropServices;

namespace Replication.Interop.Support;

/// <summary>The programs of this repository, as the same build made them.</summary>
internal static class Binaries
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The runtime's own launcher: the one that runs this test.</summary>
    public static string Dotnet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    public static string Primary { get; } = Find("primary", "replication-primary");

    public static string Secondary { get; } = Find("secondary", "replication-secondary");

    public static string Coloctl { get; } = Find("controller", "coloctl");

    private static string Find(string folder, string name)
    {
        // …/bin/<configuration>/<framework>/
        string framework = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string configuration = Path.GetDirectoryName(framework)!;
        return Path.Combine(Root, folder, "bin", Path.GetFileName(configuration), Path.GetFileName(framework), name + ".dll");
    }

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Replication.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException($"no Replication.sln above {AppContext.BaseDirectory}");
    }
}
