namespace Replication.Simulation.CrashPoints;

/// <summary>How thoroughly a life is looked at.</summary>
internal sealed record CrashPlan(LifeScript Life, Crash Crash)
{
    /// <summary>Where no more outcomes than this are open at a point, each is tried: eight sectors that may each be there or not.</summary>
    public int Exhaustive { get; init; } = 256;

    /// <summary>Where more are open, so many of them are.</summary>
    public int Sampled { get; init; } = 64;

    /// <summary>A crash is tried at each point, or at each second one, and so on.</summary>
    public int Stride { get; init; } = 1;

    /// <summary>Only this point; null: all.</summary>
    public int? Point { get; init; }

    /// <summary>Only this outcome of it.</summary>
    public int? Outcome { get; init; }

    /// <summary>Told what happens after the crash.</summary>
    public Action<string>? Listener { get; init; }

    /// <summary>What fits into a minute, with all lives and crashes.</summary>
    public static CrashPlan Short(LifeScript life, Crash crash) => new(life, crash) { Exhaustive = 16, Sampled = 6, Stride = life.IsLarge ? 45 : 5 };

    /// <summary>Every point.</summary>
    public static CrashPlan Long(LifeScript life, Crash crash, int sampled) => new(life, crash) { Sampled = sampled, Stride = life.IsLarge ? 9 : 1 };

    public bool Includes(int point) => Point is { } only ? only == point : point % Stride == 0;
}
