namespace Replication.Nbd.Server;

/// <summary>A metadata context that a client has chosen.</summary>
/// <param name="Id">What it is called in replies; unique in the session.</param>
/// <param name="Context">The export's.</param>
internal readonly record struct SessionContext(uint Id, INbdMetaContext Context);
