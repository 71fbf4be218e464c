using System.Text.Json.Nodes;

namespace Replication.Qmp;

/// <summary>Something that every client is told, by QEMU's name and with QEMU's members.</summary>
/// <param name="Name">In capitals.</param>
/// <param name="Data">Null: the event has no members.</param>
public sealed record QmpEvent(string Name, JsonObject? Data)
{
    /// <param name="id">The job.</param>
    /// <param name="status">Its new state, in lower case.</param>
    public static QmpEvent JobStatusChange(string id, string status) => new("JOB_STATUS_CHANGE", new JsonObject { ["id"] = id, ["status"] = status });

    /// <summary>It has ended by itself; <paramref name="error"/> is null when all is well.</summary>
    public static QmpEvent BlockJobCompleted(string type, string device, long lengthBytes, long offsetBytes, long speed, string? error)
    {
        JsonObject data = Progress(type, device, lengthBytes, offsetBytes, speed);
        if (error is not null)
            data["error"] = error;
        return new QmpEvent("BLOCK_JOB_COMPLETED", data);
    }

    public static QmpEvent BlockJobCancelled(string type, string device, long lengthBytes, long offsetBytes, long speed) =>
        new("BLOCK_JOB_CANCELLED", Progress(type, device, lengthBytes, offsetBytes, speed));

    public static QmpEvent BlockJobReady(string type, string device, long lengthBytes, long offsetBytes, long speed) =>
        new("BLOCK_JOB_READY", Progress(type, device, lengthBytes, offsetBytes, speed));

    public static QmpEvent BlockJobPending(string type, string id) => new("BLOCK_JOB_PENDING", new JsonObject { ["type"] = type, ["id"] = id });

    /// <param name="device">The job, in spite of the member's name.</param>
    /// <param name="operation"><c>read</c> or <c>write</c>.</param>
    /// <param name="action"><c>ignore</c>, <c>report</c> or <c>stop</c>.</param>
    public static QmpEvent BlockJobError(string device, string operation, string action) =>
        new("BLOCK_JOB_ERROR", new JsonObject { ["device"] = device, ["operation"] = operation, ["action"] = action });

    public static QmpEvent BlockExportDeleted(string id) => new("BLOCK_EXPORT_DELETED", new JsonObject { ["id"] = id });

    /// <param name="reason">Who wanted it: <c>host-qmp-quit</c>, <c>host-signal</c>.</param>
    public static QmpEvent Shutdown(string reason) => new("SHUTDOWN", new JsonObject { ["guest"] = false, ["reason"] = reason });

    private static JsonObject Progress(string type, string device, long lengthBytes, long offsetBytes, long speed) =>
        new() { ["type"] = type, ["device"] = device, ["len"] = lengthBytes, ["offset"] = offsetBytes, ["speed"] = speed };
}
