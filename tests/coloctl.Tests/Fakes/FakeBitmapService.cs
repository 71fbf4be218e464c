using Colo.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Replication.Controller.Tests.Fakes;

/// <summary>A node's bitmaps from a script; requests are recorded.</summary>
internal sealed class FakeBitmapService : BitmapService.BitmapServiceBase
{
    private readonly Lock _lock = new();
    private readonly List<IMessage> _seen = []; // guarded by _lock

    public List<BitmapInfo> Bitmaps { get; } = [];

    public IReadOnlyList<IMessage> Seen
    {
        get
        {
            lock (_lock)
                return [.. _seen];
        }
    }

    public override Task<ListBitmapsResponse> ListBitmaps(ListBitmapsRequest request, ServerCallContext context) =>
        Task.FromResult(new ListBitmapsResponse { Bitmaps = { Bitmaps.Where(bitmap => request.Device.Length == 0 || bitmap.Device == request.Device) } });

    public override Task<AddBitmapResponse> AddBitmap(AddBitmapRequest request, ServerCallContext context) => Answer(request, new AddBitmapResponse());

    public override Task<RemoveBitmapResponse> RemoveBitmap(RemoveBitmapRequest request, ServerCallContext context) =>
        Answer(request, new RemoveBitmapResponse());

    public override Task<ClearBitmapResponse> ClearBitmap(ClearBitmapRequest request, ServerCallContext context) => Answer(request, new ClearBitmapResponse());

    public override Task<EnableBitmapResponse> EnableBitmap(EnableBitmapRequest request, ServerCallContext context) =>
        Answer(request, new EnableBitmapResponse());

    public override Task<DisableBitmapResponse> DisableBitmap(DisableBitmapRequest request, ServerCallContext context) =>
        Answer(request, new DisableBitmapResponse());

    public override Task<MergeBitmapsResponse> MergeBitmaps(MergeBitmapsRequest request, ServerCallContext context) =>
        Answer(request, new MergeBitmapsResponse());

    private Task<T> Answer<T>(IMessage request, T answer)
    {
        lock (_lock)
            _seen.Add(request);
        return Task.FromResult(answer);
    }
}
