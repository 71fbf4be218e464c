using Replication.Jobs.Fleecing;

namespace Replication.Roles.Jobs;

/// <summary>What happens to fleecing exports, on the numbered event stream.</summary>
internal sealed class FleeceJournal(INodeJournal journal) : IFleeceObserver
{
    public void Opened(FleeceInfo fleece) => journal.Publish(
        EventTypes.FleeceOpened, ("fleece", fleece.Name), ("disk", fleece.Device), ("bitmap", fleece.Bitmap ?? ""), ("epoch", fleece.Epoch),
        ("quotaBytes", fleece.QuotaBytes));

    public void HighWater(FleeceInfo fleece) => journal.Publish(
        EventTypes.FleeceHighWater, ("fleece", fleece.Name), ("disk", fleece.Device), ("heldBytes", fleece.HeldBytes), ("quotaBytes", fleece.QuotaBytes));

    public void Broken(FleeceInfo fleece) => journal.Publish(
        EventTypes.FleeceBroken, ("fleece", fleece.Name), ("disk", fleece.Device), ("heldBytes", fleece.HeldBytes), ("errno", fleece.Broken!.Errno),
        ("message", fleece.Broken.Message));

    public void Closed(FleeceInfo fleece, FleeceEnd why) => journal.Publish(
        EventTypes.FleeceClosed, ("fleece", fleece.Name), ("disk", fleece.Device), ("reason", why.ToString().ToLowerInvariant()));
}
