using System.Globalization;

namespace Replication.Benchmarks.Rows;

/// <summary>Processor time that processes have used so far, as the kernel counts it (in hundredths of a second).</summary>
internal static class ProcessorTime
{
    private const int TicksPerSecond = 100; // USER_HZ, the same on every machine that .NET runs on.
    private const int UserTimeField = 11; // Behind the program's name, as is the kernel's time after it.

    public static TimeSpan Of(IReadOnlyList<int> processIds)
    {
        long ticks = 0;
        foreach (int id in processIds)
        {
            string stat = File.ReadAllText($"/proc/{id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            ticks += long.Parse(fields[UserTimeField], CultureInfo.InvariantCulture) + long.Parse(fields[UserTimeField + 1], CultureInfo.InvariantCulture);
        }

        return TimeSpan.FromSeconds((double)ticks / TicksPerSecond);
    }
}
