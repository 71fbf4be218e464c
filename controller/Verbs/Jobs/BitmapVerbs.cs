using System.CommandLine;
using Colo.Protocol.V1;
using Replication.Controller.CommandLine;

namespace Replication.Controller.Verbs.Jobs;

internal static class BitmapVerbs
{
    public static Command Create(VerbHost host) => new("bitmap", "See and change dirty bitmaps, which incremental backups go by")
    {
        new BitmapListVerb(host),
        new BitmapAddVerb(host),
        new BitmapPlainVerb(
            host, "remove", "Remove a bitmap",
            async (service, bitmap, o) => await service.RemoveBitmapAsync(new RemoveBitmapRequest { Bitmap = bitmap }, o)),
        new BitmapPlainVerb(
            host, "clear", "Take all marks away",
            async (service, bitmap, o) => await service.ClearBitmapAsync(new ClearBitmapRequest { Bitmap = bitmap }, o)),
        new BitmapPlainVerb(
            host, "enable", "Mark what changes from now on",
            async (service, bitmap, o) => await service.EnableBitmapAsync(new EnableBitmapRequest { Bitmap = bitmap }, o)),
        new BitmapPlainVerb(
            host, "disable", "Mark nothing more",
            async (service, bitmap, o) => await service.DisableBitmapAsync(new DisableBitmapRequest { Bitmap = bitmap }, o)),
        new BitmapMergeVerb(host),
    };
}
