using Replication.Controller.CommandLine;

return await Cli.RunAsync(args, CliEnvironment.OfProcess());
