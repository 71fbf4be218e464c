using Grpc.Core;

namespace Replication.Rpc.Wire;

/// <summary>Metadata to and from HTTP header values: text as it is, bytes as base64.</summary>
internal static class MetadataCodec
{
    /// <summary>The value as it goes into a header.</summary>
    public static string Encode(Metadata.Entry entry) => entry.IsBinary ? Convert.ToBase64String(entry.ValueBytes) : entry.Value;

    /// <summary>Adds a received header, unless it is the protocol's own.</summary>
    /// <exception cref="RpcException">A binary value is no base64.</exception>
    public static void Add(Metadata metadata, string name, string value)
    {
        if (HeaderNames.IsReserved(name))
            return;
        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(name, value);
            return;
        }

        // Proxies may join the values of one key with commas; base64 has none.
        foreach (string part in value.Split(',', StringSplitOptions.TrimEntries))
            metadata.Add(name, FromBase64(name, part));
    }

    // Senders may leave the padding out.
    private static byte[] FromBase64(string name, string text)
    {
        try
        {
            return Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));
        }
        catch (FormatException e)
        {
            throw new RpcException(new Status(StatusCode.Internal, $"the header {name} is no base64", e));
        }
    }
}
