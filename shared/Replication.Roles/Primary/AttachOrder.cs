using Replication.Block.State;

namespace Replication.Roles.Primary;

/// <summary>On whose behalf a mirror is attached.</summary>
/// <param name="Verb">Checked against the stage at the moment at which the attach becomes visible.</param>
/// <param name="Stage">The primary's stage while the secondary is brought up to date.</param>
/// <param name="Sync">How it is brought up to date.</param>
/// <param name="MayAbandonView">The secondary's view may be given up where what it lacks does not fit its overlay.</param>
/// <param name="AbandonsView">It is given up: it has turned out that it does not fit.</param>
internal sealed record AttachOrder(Verb Verb, NodeStage Stage, SyncMode Sync, bool MayAbandonView, bool AbandonsView);
