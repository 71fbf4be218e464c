using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests.Interop;

/// <summary>Our client over a server that other people wrote is a block node like any other.</summary>
public abstract class ClientInteropTests : BlockNodeContract
{
    /// <summary>QEMU rounds an image up to 512 bytes.</summary>
    protected override long LengthBytes => (4 << 20) + 1024;

    protected abstract RunningProcess Serve(string socketPath, string imagePath);

    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        var directory = new TempDirectory();
        string socket = directory["nbd.sock"];
        RunningProcess process = Serve(socket, directory.CreateFile("disk.raw", lengthBytes));
        NbdAddress address = NbdAddress.Unix(socket);
        NbdClientNode? client = null;
        await Eventually.TrueAsync(() => process.HasExited || TryConnect());
        Assert.False(process.HasExited, process.Output);
        return new Owning(client!, process, directory);

        bool TryConnect()
        {
            try
            {
                client = NbdClient.ConnectAsync(address, "").GetAwaiter().GetResult();
                return true;
            }
            catch (NbdConnectException)
            {
                return false; // It has not opened its socket yet.
            }
        }
    }

    private sealed class Owning(NbdClientNode client, RunningProcess process, TempDirectory directory) : BlockNode(
        "owning", client.LengthBytes, NodeCapabilities.AllNative)
    {
        public override async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            await process.DisposeAsync();
            directory.Dispose();
            await base.DisposeAsync();
        }

        protected override ValueTask ReadCore(long offsetBytes, Memory<byte> buffer) => client.ReadAsync(offsetBytes, buffer);

        protected override ValueTask WriteCore(long offsetBytes, ReadOnlyMemory<byte> data, WriteFlags flags) => client.WriteAsync(offsetBytes, data, flags);

        protected override ValueTask FlushCore() => client.FlushAsync();

        protected override ValueTask WriteZeroesCore(BlockRange range, WriteFlags flags) => client.WriteZeroesAsync(range, flags);

        protected override ValueTask DiscardCore(BlockRange range, WriteFlags flags) => client.DiscardAsync(range, flags);

        protected override ValueTask<Extent> StatusCore(BlockRange range) => client.StatusAsync(range);
    }
}

public class NbdkitContractTests : ClientInteropTests
{
    protected override RunningProcess Serve(string socketPath, string imagePath) =>
        RunningProcess.Start(Programs.Require("nbdkit"), "-f", "-U", socketPath, "file", imagePath);
}

public class QemuNbdContractTests : ClientInteropTests
{
    protected override RunningProcess Serve(string socketPath, string imagePath) =>
        RunningProcess.Start(Programs.Require("qemu-nbd"), "-f", "raw", "-k", socketPath, "-t", "-e", "4", "--discard=unmap", imagePath);
}
