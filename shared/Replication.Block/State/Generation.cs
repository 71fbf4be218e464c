namespace Replication.Block.State;

/// <summary>One stretch of a group's history under one writer.</summary>
/// <param name="Number">Parent's number + 1; the first is 1.</param>
/// <param name="Id">Random, so that two partitioned nodes never begin the same generation.</param>
/// <param name="ParentId">The generation that it continues; <see cref="Guid.Empty"/> for the first.</param>
/// <param name="BeganAtEpoch">The epoch whose view it began with.</param>
public readonly record struct Generation(ulong Number, Guid Id, Guid ParentId, ulong BeganAtEpoch)
{
    /// <summary>The first generation of a group.</summary>
    public static Generation First(Guid id) => new(1, id, Guid.Empty, 0);

    /// <summary>The generation that a promotion at <paramref name="epoch"/> begins.</summary>
    public Generation Next(Guid id, ulong epoch) => new(Number + 1, id, Id, epoch);

    public override string ToString() => $"{Number} ({Id:N})";
}
