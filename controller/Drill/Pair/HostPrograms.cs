using Replication.Controller.CommandLine;

namespace Replication.Controller.Drill.Pair;

/// <summary>Finds the two hosts: beside coloctl, as they are published, or in <c>hosts/</c>, where the build puts them.</summary>
internal static class HostPrograms
{
    public static string Find(string name)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, name);
        string built = Path.Combine(AppContext.BaseDirectory, "hosts", name);
        return IsThere(beside) ? beside
            : IsThere(built) ? built
            : throw new CliException(ExitCode.Failed, $"the drill needs {name}, which is neither at {beside} nor at {built}");
    }

    // A program without its assembly is a left-over of some build.
    private static bool IsThere(string path) => File.Exists(path) && File.Exists(path + ".dll");
}
