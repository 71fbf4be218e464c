using Replication.Nbd;
using Replication.Roles;
using Replication.Roles.Mirror;
using Replication.Simulation.Cluster;
using Replication.Simulation.Scheduling;

namespace Replication.Simulation.Network;

/// <summary>The way from one process to the mirror exports of the other host.</summary>
internal sealed class SimulatedTransport(
    SimulatedProcess client, SimulatedHost server, Wire there, Wire back, List<MirrorConnection> connections) : IMirrorTransport
{
    private static readonly TimeSpan s_answerWithin = TimeSpan.FromSeconds(10);

    public string Name => "simulated";

    public async Task<IMirrorConnection> ConnectAsync(string exportName, CancellationToken cancellationToken)
    {
        Scheduler scheduler = client.Scheduler;
        var reply = new TaskCompletionSource<MirrorConnection?>();
        using var limit = new CancellationTokenSource(s_answerWithin, client.Time);
        using CancellationTokenRegistration caller = cancellationToken.Register(limit.Cancel);
        using CancellationTokenRegistration giveUp = limit.Token.Register(() => reply.TrySetResult(null));
        Send(there, server.Kernel, () =>
        {
            SimulatedProcess? process = server.Process;
            NbdExport? export = process is { IsAlive: true } ? server.Serving?.MirrorExports.Find(exportName) : null;
            MirrorConnection? accepted = export is null || !client.IsAlive ? null : MirrorConnection.Accept(client, process!, export, there, back);
            Send(back, client, () =>
            {
                if (!reply.TrySetResult(accepted))
                    accepted?.Abort("given up");
            });
        });
        MirrorConnection connection = await reply.Task ?? throw new VerbException(
            VerbFailure.Unreachable, $"the mirror listener of {server.Name} cannot be reached");
        connections.Add(connection);
        return connection;

        void Send(Wire wire, SimulatedProcess receiver, Action deliver) => scheduler.Schedule(receiver, wire.Delay(scheduler.Random), () =>
        {
            if (wire.IsCut)
                wire.Hold(() => Send(wire, receiver, deliver));
            else
                deliver();
        });
    }
}
