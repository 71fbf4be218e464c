namespace Replication.Jobs.Fleecing;

/// <summary>Why a fleecing export is no longer there.</summary>
public enum FleeceEnd
{
    /// <summary>Somebody has closed it, or has cancelled its job; its bitmap is as if nobody had read.</summary>
    Closed,

    /// <summary>Its reader has everything: its bitmap begins anew at the export's moment.</summary>
    Done,

    /// <summary>Nobody has renewed its lease; as <see cref="Closed"/>.</summary>
    Expired,
}
