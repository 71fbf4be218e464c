using System.Text.Json;

namespace Replication.Interop.Failures;

/// <summary>One entry of <c>coloctl errors --json</c>.</summary>
internal sealed record TypedError(string Node, int Case, string Disk, long OffsetBytes, long LengthBytes, int Errno, long Epoch)
{
    public static TypedError Of(JsonElement entry)
    {
        Assert.NotEmpty(entry.GetProperty("advice").GetString()!);
        Assert.True(entry.GetProperty("seq").GetInt64() > 0);
        return new TypedError(
            entry.GetProperty("node").GetString()!,
            entry.GetProperty("case").GetInt32(),
            entry.GetProperty("disk").GetString()!,
            entry.GetProperty("offsetBytes").GetInt64(),
            entry.GetProperty("lengthBytes").GetInt64(),
            entry.GetProperty("errno").GetInt32(),
            entry.GetProperty("epoch").GetInt64());
    }
}
