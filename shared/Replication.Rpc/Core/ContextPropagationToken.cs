namespace Grpc.Core;

/// <summary>Carries a server call's deadline into a call of its own. Named by generated code; nothing makes one here.</summary>
public abstract class ContextPropagationToken
{
    private protected ContextPropagationToken()
    {
    }
}
