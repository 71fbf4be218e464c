namespace Replication.Qmp.Json;

/// <summary>Bytes that are no JSON; the message says what is wrong and where in the value.</summary>
internal sealed class JsonFormatException(string message) : Exception(message);
