namespace Replication.Jobs.Fleecing;

/// <summary>Told of what happens to fleecing exports; on any thread, that of a guest's write among them, so it must not block.</summary>
public interface IFleeceObserver
{
    void Opened(FleeceInfo fleece);

    /// <summary>What is kept has reached three quarters of the quota. Told again where it has fallen below a half in between.</summary>
    void HighWater(FleeceInfo fleece);

    /// <summary>There is nothing to read any more: <see cref="FleeceInfo.Broken"/> says why.</summary>
    void Broken(FleeceInfo fleece);

    void Closed(FleeceInfo fleece, FleeceEnd why);
}
