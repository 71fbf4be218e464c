using System.Text.Json.Nodes;

namespace Replication.Qmp;

/// <summary>Carries a command out. Commands of one client come one after the other, those of several clients at once.</summary>
/// <param name="arguments">Checked, with their defaults.</param>
/// <param name="stopping">The node ends. A client that goes away does not cancel what it has asked for.</param>
/// <returns>What the client gets; null: an empty object.</returns>
/// <exception cref="QmpException">It was refused, or has failed.</exception>
public delegate Task<JsonNode?> QmpHandler(QmpObject arguments, CancellationToken stopping);
