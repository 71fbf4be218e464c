namespace Replication.Nbd;

/// <summary>A server could not be reached, or would not serve the export; the message is one line that names both.</summary>
public sealed class NbdConnectException(NbdAddress address, string exportName, string reason, Exception? inner = null)
    : IOException($"{address}, export '{exportName}': {reason}", inner)
{
    public NbdAddress Address { get; } = address;

    public string ExportName { get; } = exportName;

    public string Reason { get; } = reason;
}
