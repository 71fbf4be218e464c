using Colo.Protocol.V1;
using Grpc.Core;
using Replication.Jobs.Commands;
using Replication.Roles.Jobs;
using static Replication.Control.Services.WireValues;
using TransactionAction = Replication.Jobs.Commands.TransactionAction;

namespace Replication.Control.Services.Jobs;

/// <summary>Dirty bitmaps: each change is a transaction of one action.</summary>
internal sealed class BitmapGrpcService(JobsDoor door) : BitmapService.BitmapServiceBase
{
    public override Task<ListBitmapsResponse> ListBitmaps(ListBitmapsRequest request, ServerCallContext context) => VerbStatus.RunAsync(() =>
    {
        NodeJobs jobs = door.Jobs;
        string[] disks = [.. ((IJobHost)jobs).Disks.Select(disk => disk.Name)];
        if (request.Device.Length > 0 && !disks.Contains(Name(request.Device, "device")))
        {
            throw new RpcException(
                new Status(StatusCode.NotFound, $"there is no disk '{request.Device}'; it is one of {string.Join(", ", disks)}"));
        }

        var response = new ListBitmapsResponse();
        foreach (string disk in disks.Where(disk => request.Device.Length == 0 || disk == request.Device))
            response.Bitmaps.AddRange(jobs.QueryBitmaps(disk).Select(bitmap => JobMessages.ToWire(disk, bitmap)));
        return Task.FromResult(response);
    });

    public override Task<AddBitmapResponse> AddBitmap(AddBitmapRequest request, ServerCallContext context) =>
        ChangeAsync(() => JobMessages.Add(request.Bitmap, "bitmap"), new AddBitmapResponse(), context);

    public override Task<RemoveBitmapResponse> RemoveBitmap(RemoveBitmapRequest request, ServerCallContext context) =>
        ChangeAsync(() => Of(request.Bitmap, (device, name) => new TransactionAction.BitmapRemove(device, name)), new RemoveBitmapResponse(), context);

    public override Task<ClearBitmapResponse> ClearBitmap(ClearBitmapRequest request, ServerCallContext context) =>
        ChangeAsync(() => Of(request.Bitmap, (device, name) => new TransactionAction.BitmapClear(device, name)), new ClearBitmapResponse(), context);

    public override Task<EnableBitmapResponse> EnableBitmap(EnableBitmapRequest request, ServerCallContext context) =>
        ChangeAsync(() => Of(request.Bitmap, (device, name) => new TransactionAction.BitmapEnable(device, name)), new EnableBitmapResponse(), context);

    public override Task<DisableBitmapResponse> DisableBitmap(DisableBitmapRequest request, ServerCallContext context) =>
        ChangeAsync(() => Of(request.Bitmap, (device, name) => new TransactionAction.BitmapDisable(device, name)), new DisableBitmapResponse(), context);

    public override Task<MergeBitmapsResponse> MergeBitmaps(MergeBitmapsRequest request, ServerCallContext context) =>
        ChangeAsync(() => JobMessages.Merge(request.Merge, "merge"), new MergeBitmapsResponse(), context);

    private static TransactionAction Of(BitmapName? bitmap, Func<string, string, TransactionAction> create)
    {
        (string device, string name) = JobMessages.Name(bitmap, "bitmap");
        return create(device, name);
    }

    private Task<T> ChangeAsync<T>(Func<TransactionAction> action, T done, ServerCallContext context) => VerbStatus.RunAsync(async () =>
    {
        await door.Jobs.Commands.TransactAsync([action()], isGrouped: false, context.CancellationToken);
        return done;
    });
}
