namespace Replication.Qmp;

/// <summary>A command was refused or has failed; the message, one line, is the client's.</summary>
public sealed class QmpException(QmpErrorClass errorClass, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>An error that needs no class of its own.</summary>
    public QmpException(string message)
        : this(QmpErrorClass.GenericError, message)
    {
    }

    public QmpErrorClass Class { get; } = errorClass;
}
