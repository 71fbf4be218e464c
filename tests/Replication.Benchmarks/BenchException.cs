namespace Replication.Benchmarks;

/// <summary>Why a run cannot go on; one line.</summary>
internal sealed class BenchException(string message, Exception? inner = null) : Exception(message, inner);
