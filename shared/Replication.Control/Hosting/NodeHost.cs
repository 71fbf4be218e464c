using Microsoft.Extensions.Logging;
using Replication.Block.State;
using Replication.Control.Options;

namespace Replication.Control.Hosting;

/// <summary>What both hosts are: a process around one node.</summary>
public static class NodeHost
{
    private const int Failed = 1;

    /// <summary>Runs a node until SIGTERM or SIGINT.</summary>
    /// <param name="initialRole">The role that an empty state directory gets.</param>
    /// <param name="args">The command line.</param>
    /// <returns>The exit code: 0, 1 failed, 2 the configuration is refused.</returns>
    public static async Task<int> RunAsync(NodeRole initialRole, string[] args)
    {
        using var signals = new ShutdownSignals();
        return await RunAsync(initialRole, args, HostSurroundings.OfProcess(signals.Requested));
    }

    internal static async Task<int> RunAsync(NodeRole initialRole, string[] args, HostSurroundings around)
    {
        string program = initialRole == NodeRole.Primary ? "replication-primary" : "replication-secondary";
        try
        {
            HostArguments arguments = HostArguments.Parse(program, args);
            if (arguments.Answer is { } answer)
                await around.Output.WriteLineAsync(answer);
            else
                await ServeAsync(OptionsReader.Read(arguments.ConfigurationFile!, around.Environment, initialRole), around);
            return 0;
        }
        catch (ConfigurationException e)
        {
            await around.Error.WriteLineAsync($"{program}: {e.Message}");
            return ConfigurationException.ExitCode;
        }
        catch (Exception e)
        {
            await around.Error.WriteLineAsync($"{program}: failed: {e}");
            return Failed;
        }
    }

    private static async Task ServeAsync(HostOptions options, HostSurroundings around)
    {
        using ILoggerFactory loggers = HostLogging.Create();
        ILogger log = loggers.CreateLogger("Replication.Host");
        await using (RunningNode node = await RunningNode.StartAsync(options, around, loggers))
        {
            await around.Output.WriteLineAsync(node.ReadyLine);
            await around.Output.FlushAsync();
            await Task.WhenAny(around.ShutdownRequested, node.QuitRequested);
            HostLog.Ending(log);
        }

        HostLog.Ended(log);
    }
}
