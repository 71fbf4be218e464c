using System.Diagnostics;

namespace Replication.Jobs.Targets;

/// <summary>QEMU's programs on this machine, and how they are started.</summary>
internal static class QemuPrograms
{
    /// <exception cref="TargetException">It is not installed; which package has it.</exception>
    public static string Find(string name, string target, TargetEnvironment environment)
    {
        foreach (string directory in environment.SearchPath.Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string path = Path.Combine(directory, name);
            if (File.Exists(path))
                return path;
        }

        string packages = "package qemu-utils on Debian and Ubuntu, qemu-img on Fedora and RHEL, qemu-tools on SUSE";
        throw new TargetException(target, TargetTrouble.ProgramMissing, $"{name} is not installed ({packages})");
    }

    public static ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        // Their messages are looked at.
        info.Environment["LC_ALL"] = "C";
        return info;
    }

    /// <summary>What a program has printed about a target that it would not use.</summary>
    public static TargetException Refusal(string program, string target, string printed)
    {
        string line = printed.Split('\n').Select(text => text.Trim()).FirstOrDefault(text => text.Length > 0) ?? "ended without a word";
        line = line.StartsWith(program + ": ", StringComparison.Ordinal) ? line[(program.Length + 2)..] : line;
        if (Says("is another process using"))
            return new TargetException(target, TargetTrouble.InUse, $"is in use by another process ({program}: {line})");
        if (Says("unknown file format") || Says("unknown driver"))
            return new TargetException(target, TargetTrouble.UnknownFormat, $"unknown format ({program}: {line})");
        TargetTrouble trouble = Says("permission denied") ? TargetTrouble.NoPermission
            : Says("no such file") ? TargetTrouble.Missing
            : TargetTrouble.Failed;
        return new TargetException(target, trouble, $"{program}: {line}");

        bool Says(string words) => printed.Contains(words, StringComparison.OrdinalIgnoreCase);
    }
}
