using System.Globalization;
using System.Numerics;
using System.Text;
using Google.Protobuf;
using Replication.Block.State;
using V1 = Colo.Protocol.V1;

namespace Replication.Control.Services;

/// <summary>
/// Single values between the wire and the domain. Enumerations have the same numbers on both sides; an id's bytes are in the order of its hexadecimal text,
/// so that everybody who prints them prints the same. Whatever comes in is checked here, by name.
/// </summary>
internal static class WireValues
{
    public static ByteString ToWire(Guid id) => ByteString.CopyFrom(id.ToByteArray(bigEndian: true));

    public static V1.Generation ToWire(Generation generation) => new()
    {
        Number = generation.Number,
        Id = ToWire(generation.Id),
        ParentId = ToWire(generation.ParentId),
        BeganAtEpoch = generation.BeganAtEpoch,
    };

    public static V1.NodeRole ToWire(NodeRole role) => (V1.NodeRole)role;

    public static V1.NodeStage ToWire(NodeStage stage) => (V1.NodeStage)stage;

    public static Guid Id(ByteString bytes, string field) => bytes.Length == ServiceLimits.IdBytes
        ? new Guid(bytes.Span, bigEndian: true)
        : throw new MalformedFieldException($"{field} has {bytes.Length} bytes: an id has {ServiceLimits.IdBytes}");

    public static Guid Session(ByteString bytes) => Id(bytes, "session");

    /// <summary>A checkpoint's attempt; a controller may leave it out.</summary>
    public static Guid Attempt(ByteString bytes) => IdOrNone(bytes, "attempt");

    /// <summary>An id that may be missing: no bytes stand for none.</summary>
    public static Guid IdOrNone(ByteString bytes, string field) => bytes.IsEmpty ? Guid.Empty : Id(bytes, field);

    public static ByteString ToWireOrNone(Guid id) => id == Guid.Empty ? ByteString.Empty : ToWire(id);

    public static Generation Generation(V1.Generation? generation, string field)
    {
        if (generation is null)
            throw new MalformedFieldException($"{field} is missing");
        return new Generation(generation.Number, Id(generation.Id, $"{field}.id"), Id(generation.ParentId, $"{field}.parent_id"), generation.BeganAtEpoch);
    }

    public static IReadOnlyList<Generation> History(IReadOnlyList<V1.Generation> history, string field) => history.Count <= ServiceLimits.Generations
        ? [.. history.Select((generation, i) => Generation(generation, $"{field}[{i}]"))]
        : throw new MalformedFieldException($"{field} has {history.Count} entries: {ServiceLimits.Generations} are the most");

    /// <summary>An enumeration's value; the domain's type has no zero, so an unspecified one is refused too.</summary>
    public static T Value<T>(Enum value, string field)
        where T : struct, Enum
    {
        int number = Convert.ToInt32(value, CultureInfo.InvariantCulture);
        foreach (T known in Enum.GetValues<T>())
        {
            if (Convert.ToInt32(known, CultureInfo.InvariantCulture) == number)
                return known;
        }

        throw new MalformedFieldException($"{field} is {number}: that is none of its values");
    }

    public static string Name(string value, string field) => Encoding.UTF8.GetByteCount(value) is > 0 and <= ServiceLimits.NameBytes
        ? value
        : throw new MalformedFieldException($"{field} is {(value.Length == 0 ? "empty" : $"longer than {ServiceLimits.NameBytes} bytes")}");

    public static long InRange(long value, long minimum, long maximum, string field) => value >= minimum && value <= maximum
        ? value
        : throw new MalformedFieldException($"{field} is {value}: it must be from {minimum} to {maximum}");

    public static int PowerOfTwo(int value, int minimum, int maximum, string field) => BitOperations.IsPow2(value)
        ? (int)InRange(value, minimum, maximum, field)
        : throw new MalformedFieldException($"{field} is {value}: it must be a power of two");

    public static TimeSpan Milliseconds(long value, long minimum, string field) =>
        TimeSpan.FromMilliseconds(InRange(value, minimum, ServiceLimits.LeaseMs, field));
}
