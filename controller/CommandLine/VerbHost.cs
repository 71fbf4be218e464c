namespace Replication.Controller.CommandLine;

/// <summary>What every verb is built with.</summary>
internal sealed record VerbHost(GlobalOptions Options, CliEnvironment Environment);
