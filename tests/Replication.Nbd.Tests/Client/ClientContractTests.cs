using Replication.Block;
using Replication.Testing;

namespace Replication.Nbd.Tests.Client;

/// <summary>
/// Client and server together are a block node like any other: over both kinds of socket, with and without
/// structured replies, over nodes that do all or little themselves.
/// </summary>
public abstract class ClientContractTests(bool tcp, bool structured, NodeCapabilities capabilities) : BlockNodeContract
{
    protected override async ValueTask<BlockNode> CreateAsync(long lengthBytes)
    {
        var server = new TestServer(new MemoryNode(lengthBytes, capabilities: capabilities));
        NbdClientNode client = await NbdClient.ConnectAsync(tcp ? server.Tcp : server.Unix, "disk0", new NbdClientOptions { Structured = structured });
        return new Owning(client, server);
    }

    /// <summary>Ends the server with the client.</summary>
    private sealed class Owning(NbdClientNode client, TestServer server) : BlockNode("owning", client.LengthBytes, NodeCapabilities.AllNative)
    {
        public override async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            await server.DisposeAsync();
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

public class UnixStructuredContractTests() : ClientContractTests(tcp: false, structured: true, NodeCapabilities.AllNative);

public class TcpSimpleContractTests() : ClientContractTests(tcp: true, structured: false, NodeCapabilities.AllNative);

public class TcpEmulatedContractTests() : ClientContractTests(tcp: true, structured: true, NodeCapabilities.AllEmulated);
