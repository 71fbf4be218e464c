namespace Replication.Roles.Primary;

/// <summary>
/// A guest that changes its disk faster than a sync copies it: each sync that ends so says it, and the first of them is an event. Attempts that follow by
/// themselves end the same way, and one outage is one event.
/// </summary>
/// <remarks>Used by one sync at a time.</remarks>
internal sealed class OutrunAlarm(INodeJournal journal)
{
    private bool _isTold; // no sync has got through since that was told

    /// <summary>What ends the sync.</summary>
    public VerbException Tell(string disk, long leftBytes)
    {
        string message = $"the guest changes disk '{disk}' faster than the sync copies it: {leftBytes} bytes are left after {Limits.StalledPasses} "
            + "passes that have not made them less; "
            + "what is marked stays marked: try again when the guest writes or trims less, or with a higher Mirror:ResyncRate";
        if (!_isTold)
            journal.Publish(EventTypes.Error, ("cause", "outrun"), ("disk", disk), ("leftBytes", leftBytes), ("message", message));
        _isTold = true;
        return new VerbException(VerbFailure.Failed, message);
    }

    /// <summary>A sync has got through.</summary>
    public void IsOver() => _isTold = false;
}
