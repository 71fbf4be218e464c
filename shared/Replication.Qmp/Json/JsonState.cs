namespace Replication.Qmp.Json;

/// <summary>Where in a value, or between values, the bytes have come to.</summary>
internal enum JsonState
{
    /// <summary>Between values, or between the parts of one.</summary>
    Between,

    /// <summary>In null, true, false or what stands in their place.</summary>
    Word,

    /// <summary>Behind a number's sign.</summary>
    Minus,

    /// <summary>Behind a first zero, which no digit may follow.</summary>
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    Power,

    String,
    Escape,

    /// <summary>Out of step.</summary>
    Lost,
}
