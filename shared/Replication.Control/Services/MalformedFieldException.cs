namespace Replication.Control.Services;

/// <summary>A message from the other side has a field that cannot be meant so; the message names field and value.</summary>
internal sealed class MalformedFieldException(string message) : Exception(message);
