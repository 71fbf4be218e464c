namespace Replication.Controller.Nodes;

/// <summary>Which of the two options named a node; what role the node has at the moment is its own business.</summary>
internal enum NodeSide
{
    Primary,
    Secondary,
}
