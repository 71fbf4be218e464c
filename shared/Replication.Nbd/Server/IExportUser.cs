namespace Replication.Nbd;

/// <summary>A connection, as its export sees it.</summary>
internal interface IExportUser
{
    /// <summary>Completes when the connection is closed and none of its requests is in flight.</summary>
    Task Completion { get; }

    /// <summary>Takes no further request. Returns at once.</summary>
    void Revoke(NbdCloseReason reason);
}
