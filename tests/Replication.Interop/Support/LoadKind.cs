namespace Replication.Interop.Support;

internal enum LoadKind
{
    Write,
    Flush,
}
