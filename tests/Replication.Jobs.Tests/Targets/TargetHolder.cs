using System.Runtime.CompilerServices;
using Replication.Block;
using Replication.Jobs.Targets;

namespace Replication.Jobs.Tests.Targets;

/// <summary>
/// This program in another role: with a path in its environment it is no test run but a node that has a target open, until it is killed.
/// </summary>
/// <remarks>
/// Everything that runs on other threads is the library's: those would wait for the end of a module's initializer before they ran any code of it.
/// </remarks>
internal static class TargetHolder
{
    public const string Variable = "REPLICATION_HOLD_TARGET";

    public const long LengthBytes = 4 << 20;

    [ModuleInitializer]
    internal static void HoldIfAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } path)
            return;
        var description = new TargetDescription { Target = path, Format = "qcow2", LengthBytes = LengthBytes };
        BackupTarget target = BackupTarget.OpenAsync(description, new TargetEnvironment { Workers = new BlockingWorkers() }).GetAwaiter().GetResult();
        target.Node.WriteAsync(0, new byte[] { 1, 2, 3, 4 }.AsMemory()).AsTask().GetAwaiter().GetResult();
        Console.Out.WriteLine("open");
        Thread.Sleep(Timeout.Infinite);
    }
}
