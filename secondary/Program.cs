using Replication.Block.State;
using Replication.Control.Hosting;

// An empty state directory becomes a secondary's; a recorded role wins over the binary's name.
return await NodeHost.RunAsync(NodeRole.Secondary, args);
