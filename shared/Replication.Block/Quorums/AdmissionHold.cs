namespace Replication.Block.Quorums;

/// <summary>One reason to let guest requests wait. Several may be in force at once; each ends on its own.</summary>
public sealed class AdmissionHold : IDisposable
{
    private GuestAdmission? _admission;

    internal AdmissionHold(GuestAdmission admission, GuestHold scope)
    {
        _admission = admission;
        Scope = scope;
    }

    public GuestHold Scope { get; }

    /// <summary>Ends this hold; repeated calls do nothing. Requests that nothing else holds go on through <see cref="IoBatch.Post(Action)"/>.</summary>
    public void Release() => Interlocked.Exchange(ref _admission, null)?.Release(this);

    void IDisposable.Dispose() => Release();
}
