using Replication.Roles.Mirror;

namespace Replication.Roles.Tests.Mirror;

/// <summary>Remembers what a session told, and runs the test's own reaction while it is told.</summary>
internal sealed class RecordingObserver : IMirrorSessionObserver
{
    public List<MirrorLoss> Losses { get; } = [];

    public int Suspicions { get; private set; }

    /// <summary>What the peer is asked over another way while nothing is heard of it.</summary>
    public Action<MirrorSession>? WhenUnheard { get; set; }

    public Action? WhenLost { get; set; }

    void IMirrorSessionObserver.Suspicious(MirrorSession session) => Suspicions++;

    void IMirrorSessionObserver.Unheard(MirrorSession session) => WhenUnheard?.Invoke(session);

    void IMirrorSessionObserver.Lost(MirrorSession session, MirrorLoss loss)
    {
        Losses.Add(loss);
        WhenLost?.Invoke();
    }
}
