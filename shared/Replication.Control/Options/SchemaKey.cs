namespace Replication.Control.Options;

/// <summary>Whether this version can do what a key asks for.</summary>
internal enum Availability
{
    Now,

    /// <summary>The name is taken, with everything below it; it is refused by name.</summary>
    Later,
}

/// <summary>Who cannot do without a key.</summary>
internal enum Needed
{
    Never,
    Always,

    /// <summary>By a node in role secondary.</summary>
    BySecondary,
}

/// <summary>One key of the configuration, as data: what checks it, documents it and gives it its default.</summary>
/// <param name="Path">Below <c>Replication:</c>; <c>*</c> stands for an index of a list.</param>
/// <param name="Kind">What its value may be.</param>
/// <param name="Meaning">One line for the documents.</param>
internal sealed record SchemaKey(string Path, ValueKind Kind, string Meaning)
{
    /// <summary>Used where the key is not given; null: nothing.</summary>
    public string? Default { get; init; }

    public Needed Needed { get; init; }

    public Availability Availability { get; init; }

    public string[] Segments { get; } = Path.Split(':');
}
