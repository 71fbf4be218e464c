using Colo.Protocol.V1;
using Google.Protobuf;

namespace Replication.Controller.Nodes;

/// <summary>The contract's words for what the wire carries as numbers and bytes.</summary>
internal static class WireNames
{
    public static string Of(NodeStage stage) => Kebab(stage.ToString());

    public static string Of(NodeRole role) => Kebab(role.ToString());

    public static string Of(MirrorState state) => Kebab(state.ToString());

    /// <summary>32 hex digits.</summary>
    public static string Id(ByteString id) => Convert.ToHexStringLower(id.Span);

    public static DateTimeOffset Time(long unixMs) =>
        DateTimeOffset.FromUnixTimeMilliseconds(
            Math.Clamp(unixMs, DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>"FailoverFailed" is "failover-failed".</summary>
    public static string Kebab(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
