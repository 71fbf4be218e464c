using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs;

/// <summary>
/// Both nodes' numbered streams as one: what is there by time, then, with <c>--follow</c>, what comes as it comes. A node that goes away while it is followed
/// is asked again until it is back, from the number at which it stopped.
/// </summary>
internal sealed class EventsVerb : Verb
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly Option<ulong> _from = new("--from")
    {
        Description = "First number to show, of each node [default: the oldest kept]",
        HelpName = "N",
        CustomParser = NumberText.Parse<ulong>,
    };

    private readonly Option<bool> _follow = new("--follow") { Description = "Go on with what happens" };

    public EventsVerb(VerbHost host)
        : base(host, "events", "Show what happened on both nodes")
    {
        Options.Add(_from);
        Options.Add(_follow);
    }

    protected override async Task<ExitCode> RunAsync(VerbContext context)
    {
        ulong from = context.Parsed.GetValue(_from);
        bool follow = context.Parsed.GetValue(_follow);
        Backlog[] backlogs = await Task.WhenAll(context.Nodes.Select(n => ReadBacklogAsync(n, from, context.Cancellation)));
        foreach ((NodeClient node, Event e) in backlogs.SelectMany(b => b.Events.Select(e => (b.Node, e))).OrderBy(x => x.e.TimeUnixMs))
            EventLine.Print(context.Output, node, e);

        if (follow)
            return await FollowAsync(backlogs, context);
        CliException? unreachable = backlogs.Select(b => b.Unreachable).FirstOrDefault(e => e is not null);
        return unreachable is null ? ExitCode.Done : throw unreachable;
    }

    private static async Task<Backlog> ReadBacklogAsync(NodeClient node, ulong from, CancellationToken cancellationToken)
    {
        var events = new List<Event>();
        try
        {
            await foreach (Event e in node.WatchEventsAsync(from, follow: false, cancellationToken))
                events.Add(e);
            return new Backlog(node, events, events.Count > 0 ? events[^1].Seq + 1 : from, null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's events are shown all the same.
            return new Backlog(node, events, events.Count > 0 ? events[^1].Seq + 1 : from, e);
        }
    }

    private static async Task<ExitCode> FollowAsync(IReadOnlyList<Backlog> backlogs, VerbContext context)
    {
        try
        {
            // One stream's lines never mix with the other's: a line is printed under this lock.
            var printing = new Lock();
            await Task.WhenAll(backlogs.Select(b => FollowAsync(b, printing, context)));
        }
        catch (OperationCanceledException) when (context.Cancellation.IsCancellationRequested)
        {
            // That is how following ends.
        }

        return ExitCode.Done;
    }

    private static async Task FollowAsync(Backlog backlog, Lock printing, VerbContext context)
    {
        ulong next = backlog.Next;
        CliException? away = backlog.Unreachable;
        if (away is not null)
            context.Output.Notice($"{away.Message}; trying on");
        while (true)
        {
            try
            {
                if (away is not null)
                    await backlog.Node.GetStatusAsync(context.Cancellation);
                away = null;
                await foreach (Event e in backlog.Node.WatchEventsAsync(next, follow: true, context.Cancellation))
                {
                    lock (printing)
                        EventLine.Print(context.Output, backlog.Node, e);
                    next = e.Seq + 1;
                }
            }
            catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
            {
                if (away is null)
                    context.Output.Notice($"{e.Message}; trying on");
                away = e;
            }

            // A stream that ended without an error belongs to a node that is shutting down.
            await Task.Delay(s_retry, context.Time, context.Cancellation);
        }
    }

    private sealed record Backlog(NodeClient Node, IReadOnlyList<Event> Events, ulong Next, CliException? Unreachable);
}
