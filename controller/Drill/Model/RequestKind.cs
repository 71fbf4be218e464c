namespace Replication.Controller.Drill.Model;

internal enum RequestKind
{
    Read,
    Write,
    Zero,
    Trim,
    Flush,
}
