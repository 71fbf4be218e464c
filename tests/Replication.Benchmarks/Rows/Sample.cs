namespace Replication.Benchmarks.Rows;

/// <summary>One measurement.</summary>
/// <param name="Value">In the row's unit.</param>
/// <param name="P99Us">99th percentile of the latency; null where there is none.</param>
/// <param name="ProcessorUs">Processor time of the contestant's processes by the row's <see cref="Row.Work"/>; null where nobody counts it.</param>
internal sealed record Sample(double Value, double? P99Us = null, double? ProcessorUs = null);
