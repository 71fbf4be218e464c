using System.Text.Json.Nodes;

namespace Replication.Control.Tests.Options;

/// <summary>The two sample configurations of the documents.</summary>
internal static class Samples
{
    public const string Primary = """
        { "Replication": {
            "Group": "vm1",
            "StateDirectory": "/var/lib/replication/vm1",
            "Durability": "process",
            "Control": { "Listen": [ "http://127.0.0.1:7101" ] },
            "Guest":   { "Listen": [ "nbd://127.0.0.1:10809", "nbd+unix:///?socket=/run/replication/vm1.sock" ] },
            "Peer":    { "Control": "http://127.0.0.1:7102", "Mirror": "nbd://127.0.0.1:10909", "WaitAtStart": "30s" },
            "Mirror":  { "Acknowledge": "applied", "Deadline": "500ms", "Window": "64MiB", "Resync": "auto" },
            "Disks":   [ { "Name": "disk0", "Path": "disk0.raw", "Format": "raw", "Cache": "writeback" } ] } }
        """;

    public const string Secondary = """
        { "Replication": {
            "Group": "vm1",
            "StateDirectory": "/var/lib/replication/vm1",
            "Control": { "Listen": [ "http://127.0.0.1:7102" ] },
            "Guest":   { "Listen": [ "nbd://127.0.0.1:10811" ] },
            "Mirror":  { "Listen": [ "nbd://127.0.0.1:10909" ], "AllowPlain": false },
            "Overlay": { "Directory": "/dev/shm/vm1", "BlockSize": "4KiB", "Limit": "4GiB", "SoftLimit": "3GiB" },
            "Disks":   [ { "Name": "disk0", "Path": "disk0.raw" } ] } }
        """;

    /// <summary>The primary's sample with one key set to a JSON value; null removes it.</summary>
    public static string With(string path, string? json) => With(Primary, path, json);

    public static string With(string sample, string path, string? json)
    {
        JsonObject root = JsonNode.Parse(sample)!.AsObject();
        string[] segments = ["Replication", .. path.Split(':')];
        JsonNode at = root;
        foreach (string segment in segments[..^1])
            at = at is JsonArray list ? list[int.Parse(segment)]! : at[segment] ??= new JsonObject();
        if (at is JsonArray array)
            array[int.Parse(segments[^1])] = JsonNode.Parse(json!);
        else if (json is null)
            at.AsObject().Remove(segments[^1]);
        else
            at[segments[^1]] = JsonNode.Parse(json);
        return root.ToJsonString();
    }
}
