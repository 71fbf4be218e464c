namespace Replication.Interop.Support;

/// <summary>One answered request of a load: its two timestamps.</summary>
internal readonly record struct LoadSample(LoadKind Kind, long Began, long Ended)
{
    public TimeSpan Took => TimeProvider.System.GetElapsedTime(Began, Ended);
}
