using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Replication.Jobs.Targets;

/// <summary>What qemu-img does for a target: makes images, and looks at them.</summary>
internal sealed class QemuImg(string target, TargetEnvironment environment)
{
    private const string Name = "qemu-img";

    private readonly string _program = QemuPrograms.Find(Name, target, environment);

    /// <exception cref="TargetException">In one line, in its words.</exception>
    public async Task CreateAsync(string path, string format, TargetDescription description, CancellationToken cancellationToken)
    {
        List<string> arguments = ["create", "-q", "-f", format];
        if (description.BackingFile is { } backing)
            arguments.AddRange(["-b", backing, "-F", description.BackingFormat ?? RawTarget.Format]);
        arguments.AddRange([path, description.LengthBytes.ToString(CultureInfo.InvariantCulture)]);
        await RunAsync(arguments, cancellationToken);
    }

    /// <summary>Gives an image another length; what lies behind it is lost.</summary>
    /// <exception cref="TargetException">In one line, in its words.</exception>
    public Task ResizeAsync(string path, string format, long lengthBytes, CancellationToken cancellationToken) =>
        RunAsync(["resize", "-q", "--shrink", "-f", format, path, lengthBytes.ToString(CultureInfo.InvariantCulture)], cancellationToken);

    /// <param name="path">The image; nobody may be writing to it.</param>
    /// <param name="format">Null: what it looks like.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    /// <exception cref="TargetException">It cannot be opened.</exception>
    public async Task<ImageInfo> InfoAsync(string path, string? format, CancellationToken cancellationToken)
    {
        List<string> arguments = ["info", "--output=json"];
        if (format is not null)
            arguments.AddRange(["-f", format]);
        arguments.Add(path);
        string printed = await RunAsync(arguments, cancellationToken);
        try
        {
            using JsonDocument document = JsonDocument.Parse(printed);
            JsonElement root = document.RootElement;
            int clusterBytes = root.TryGetProperty("cluster-size", out JsonElement size) ? size.GetInt32() : 0;
            return new ImageInfo(root.GetProperty("format").GetString()!, root.GetProperty("virtual-size").GetInt64(), clusterBytes);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new TargetException(target, TargetTrouble.Failed, $"what {Name} says about it cannot be understood ({e.Message})", e);
        }
    }

    private async Task<string> RunAsync(List<string> arguments, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(QemuPrograms.StartInfo(_program, arguments))!;
        process.StandardInput.Close();
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            Task<string> errors = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? await output : throw QemuPrograms.Refusal(Name, target, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
    }
}
