using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;
using Replication.Controller.Nodes;

namespace Replication.Controller.Verbs;

/// <summary>
/// Both nodes' numbered streams as one: what is there by time, then, with <c>--follow</c>, what comes as it comes. A node that goes away while it is followed
/// is asked again until it is back, from the number at which it stopped; one that came back with another stream, its state directory emptied, from the first.
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
            return new Backlog(node, events, from, null);
        }
        catch (CliException e) when (e.ExitCode == ExitCode.Unreachable)
        {
            // The other node's events are shown all the same.
            return new Backlog(node, events, from, e);
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
        NodeClient node = backlog.Node;
        (ulong first, Event? last) = (backlog.From, backlog.Last);
        CliException? away = backlog.Unreachable;
        if (away is not null)
            context.Output.Notice($"{away.Message}; trying on");
        for (bool again = false; ; again = true)
        {
            try
            {
                if (away is not null)
                    await node.GetStatusAsync(context.Cancellation);
                away = null;
                if (again && last is not null && !await HasAsync(node, last, context.Cancellation))
                {
                    // What lies ahead of a new stream would be waited for.
                    context.Output.Notice($"{node} counts its events from 1 again, as with a new state directory; following them from the first");
                    (first, last) = (0, null);
                }

                await foreach (Event e in node.WatchEventsAsync(last is null ? first : last.Seq + 1, follow: true, context.Cancellation))
                {
                    lock (printing)
                        EventLine.Print(context.Output, node, e);
                    last = e;
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

    /// <summary>Whether a node's stream is the one that this event was read from: numbers that are gone come as one event of their own.</summary>
    private static async Task<bool> HasAsync(NodeClient node, Event last, CancellationToken cancellationToken)
    {
        await foreach (Event e in node.WatchEventsAsync(last.Seq, follow: false, cancellationToken))
            return e.Type == "events-lost" || (e.Seq, e.TimeUnixMs, e.Type) == (last.Seq, last.TimeUnixMs, last.Type);
        // A reboot may take a stream's newest events: one that began before this event is still the same.
        await foreach (Event e in node.WatchEventsAsync(0, follow: false, cancellationToken))
            return e.TimeUnixMs <= last.TimeUnixMs;
        return false;
    }

    private sealed record Backlog(NodeClient Node, IReadOnlyList<Event> Events, ulong From, CliException? Unreachable)
    {
        /// <summary>The newest; null where there is none from <see cref="From"/> on.</summary>
        public Event? Last => Events.Count > 0 ? Events[^1] : null;
    }
}
