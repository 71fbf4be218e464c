namespace Replication.Interop.Failures;

/// <summary>Turns a fault of a running process on and off: its rule meets only while a file exists.</summary>
internal sealed class FaultSwitch(TempDirectory directory, string name)
{
    private readonly string _file = directory[name];

    /// <summary>The rule of the words, as the configuration has it.</summary>
    public string Rule(string words) => $"{words} while={_file}";

    public void On() => File.WriteAllText(_file, "");

    public void Off() => File.Delete(_file);
}
