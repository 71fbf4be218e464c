namespace Replication.Block.State;

/// <summary>Durable state that cannot be used: one clear line that names the file and says why. Nothing was changed.</summary>
public sealed class StateException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Where it is.</summary>
    public StatePlace Place { get; init; }

    /// <summary>A failure in one of the directories, in its own words.</summary>
    public static StateException At(StatePlace place, IOException failure) => new(failure.Message, failure) { Place = place };
}
