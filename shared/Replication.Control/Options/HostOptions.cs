using Replication.Nbd;
using Replication.Roles;

namespace Replication.Control.Options;

/// <summary>An address to listen at, with the key that messages name.</summary>
internal sealed record Listen<TAddress>(string Key, TAddress Address);

/// <summary>A validated configuration: what the node is opened with, and where its host listens. Paths are absolute.</summary>
internal sealed record HostOptions
{
    public required NodeOptions Node { get; init; }
    public required IReadOnlyList<Listen<ControlAddress>> Control { get; init; }
    public required IReadOnlyList<Listen<NbdAddress>> Guest { get; init; }
    public required IReadOnlyList<Listen<NbdAddress>> Mirror { get; init; }

    /// <summary>Guests may come from other machines without TLS.</summary>
    public bool AllowInsecureGuests { get; init; }

    /// <summary>Where scripts find QMP; null: nowhere.</summary>
    public Listen<ControlAddress>? Qmp { get; init; }

    /// <summary>Where messages take a key's full name from: its path below the root.</summary>
    public required Func<string, string> NameOf { get; init; }

    /// <summary>The key of a disk's path, by the disk's place in <see cref="NodeOptions.Disks"/>.</summary>
    public required IReadOnlyList<string> DiskKeys { get; init; }

    /// <summary>What only a secondary needs, as a refusal; null: nothing is missing.</summary>
    public ConfigurationException? MissingForSecondary { get; init; }
}
