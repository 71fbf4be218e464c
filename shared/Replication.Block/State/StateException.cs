namespace Replication.Block.State;

/// <summary>Durable state that cannot be used: one clear line that names the file and says why. Nothing was changed.</summary>
public sealed class StateException(string message, Exception? inner = null) : IOException(message, inner);
