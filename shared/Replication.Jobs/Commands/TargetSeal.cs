namespace Replication.Jobs.Commands;

/// <summary>What is left of saying that a target is whole: this mark beside it goes.</summary>
/// <param name="MarkerPath">The mark's path.</param>
/// <param name="Text">What stands in it: another one is another backup's.</param>
public sealed record TargetSeal(string MarkerPath, string Text);
