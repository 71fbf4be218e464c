namespace Replication.Block.Dirty;

/// <summary>One attempt to clear marks, between <see cref="DirtyMarks.TryBeginPass"/> and its end.</summary>
/// <param name="OldPhase">What was touched in this phase may go.</param>
/// <param name="Session">The session in which it began; in another one it clears nothing.</param>
public readonly record struct CleaningPass(int OldPhase, long Session);
