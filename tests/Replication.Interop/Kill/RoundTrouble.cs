namespace Replication.Interop.Kill;

/// <summary>What happens in a round of <see cref="TroubleRoundsTests"/>.</summary>
internal enum RoundTrouble
{
    PrimaryKilled,
    SecondaryKilled,
    BothKilled,
    PrimaryFrozen,
    SecondaryFrozen,
    PrimaryRestarted,
    SecondaryRestarted,
    CheckpointAbandoned,
    StartAbandoned,
    StopAbandoned,
}
