namespace Replication.Nbd;

public enum NbdCloseKind
{
    /// <summary>The client said goodbye (DISC).</summary>
    Disconnected,

    /// <summary>The client hung up without a goodbye, but owed and was owed nothing: what many programs do at their end.</summary>
    Left,

    /// <summary>The connection broke, or ended in the middle of something.</summary>
    Lost,

    /// <summary>The client violated the protocol.</summary>
    Violation,

    /// <summary><see cref="NbdExport.RevokeAsync"/>.</summary>
    Revoked,

    /// <summary>The server is being stopped.</summary>
    Shutdown,
}

/// <summary>Why a connection ended: the first reason wins.</summary>
public sealed record NbdCloseReason(NbdCloseKind Kind, string Message)
{
    public override string ToString() => Message;
}
