namespace Grpc.Core;

/// <summary>Credentials of one call. Named by generated code; authentication is TLS's here, so nothing derives from it.</summary>
public abstract class CallCredentials
{
    private protected CallCredentials()
    {
    }
}
