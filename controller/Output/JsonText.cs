using System.Text.Encodings.Web;
using System.Text.Json;

namespace Replication.Controller.Output;

/// <summary>How every document is written: camelCase, numbers as numbers, one line.</summary>
internal static class JsonText
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Of(object document) => JsonSerializer.Serialize(document, document.GetType(), s_options);

    /// <summary>Milliseconds with three digits behind the point: enough for a pause, short enough to read.</summary>
    public static double Ms(double ms) => Math.Round(ms, 3);
}
