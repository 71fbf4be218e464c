using Replication.Block.State;
using Replication.Control.Hosting;

// An empty state directory becomes a primary's; a recorded role wins over the binary's name.
return await NodeHost.RunAsync(NodeRole.Primary, args);
