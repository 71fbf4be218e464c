using Replication.Control.Options;
using Replication.Nbd;

namespace Replication.Control.Hosting;

/// <summary>Every socket of a node, bound before anything else is touched: a port in use must not leave a half-made node behind.</summary>
internal sealed class Listeners : IDisposable
{
    public List<ControlListener> Control { get; } = [];

    public List<NbdListener> Guest { get; } = [];

    public List<NbdListener> Mirror { get; } = [];

    /// <summary>Null: scripts have no door.</summary>
    public QmpSocket? Qmp { get; private set; }

    /// <exception cref="ConfigurationException">An address cannot be listened on; none is.</exception>
    public static Listeners Bind(HostOptions options)
    {
        var listeners = new Listeners();
        try
        {
            foreach (Listen<ControlAddress> listen in options.Control)
                listeners.Control.Add(new ControlListener(listen));
            foreach (Listen<NbdAddress> listen in options.Guest)
                listeners.Guest.Add(Nbd(listen));
            foreach (Listen<NbdAddress> listen in options.Mirror)
                listeners.Mirror.Add(Nbd(listen));
            if (options.Qmp is { } qmp)
                listeners.Qmp = new QmpSocket(qmp);
            return listeners;
        }
        catch
        {
            listeners.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Control.ForEach(l => l.Dispose());
        Guest.ForEach(l => l.Dispose());
        Mirror.ForEach(l => l.Dispose());
        Qmp?.Dispose();
    }

    private static NbdListener Nbd(Listen<NbdAddress> listen)
    {
        try
        {
            return new NbdListener(listen.Address);
        }
        catch (NbdListenException e)
        {
            throw new ConfigurationException(listen.Key, e.Message, e);
        }
    }
}
