using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace Replication.Control.Options;

/// <summary>Keys and values of the file, overridden by the environment; where each came from. Nothing is checked yet.</summary>
internal sealed class RawConfiguration
{
    public const string FileKey = "--config";
    private const string VariablePrefix = Schema.Root + "__";

    private readonly IConfigurationRoot _values;
    private readonly Dictionary<string, string> _variables;

    private RawConfiguration(IConfigurationRoot values, Dictionary<string, string> variables, string directory)
    {
        _values = values;
        _variables = variables;
        Directory = directory;
    }

    /// <summary>The file's directory, which relative paths count from.</summary>
    public string Directory { get; }

    /// <summary>Every path that has a value, or nothing below it; its value and the variable that set it, in the order of the paths.</summary>
    public IEnumerable<(string Path, string? Value, string? Variable)> Entries => _values.AsEnumerable()
        .Where(e => e.Value is not null || !_values.GetSection(e.Key).GetChildren().Any())
        .Select(e => (e.Key, e.Value, _variables.GetValueOrDefault(e.Key))).OrderBy(e => e.Key, StringComparer.OrdinalIgnoreCase);

    /// <exception cref="ConfigurationException">The file is missing, unreadable or no JSON.</exception>
    public static RawConfiguration Load(string file, IEnumerable<KeyValuePair<string, string>> environment)
    {
        string path = Path.GetFullPath(file);
        using MemoryStream json = Read(path);
        var variables = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var overrides = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach ((string variable, string value) in environment)
        {
            if (!variable.StartsWith(VariablePrefix, StringComparison.OrdinalIgnoreCase))
                continue;
            string key = variable.Replace("__", ":", StringComparison.Ordinal);
            variables[key] = variable;
            overrides[key] = value;
        }

        try
        {
            return new RawConfiguration(
                new ConfigurationBuilder().AddJsonStream(json).AddInMemoryCollection(overrides).Build(), variables, Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidDataException)
        {
            throw new ConfigurationException(FileKey, $"{path} is not valid JSON: {(e.InnerException ?? e).Message}", e);
        }
    }

    private static MemoryStream Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] bytes = new byte[Limits.ConfigurationFileBytes + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length <= Limits.ConfigurationFileBytes
                ? new MemoryStream(bytes, 0, length)
                : throw new ConfigurationException(
                    FileKey, $"{path} is larger than {SizeText.Format(Limits.ConfigurationFileBytes)}, so it is no configuration");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ConfigurationException(FileKey, $"{path}: there is no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException(FileKey, $"{path} cannot be read: {(System.IO.Directory.Exists(path) ? "it is a directory" : e.Message)}", e);
        }
    }
}
