namespace Replication.Simulation.Mutants;

public sealed class MutantTests
{
    private static readonly string s_root = FindRoot();

    public static TheoryData<string> Names => [.. Files().Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_planted_bug_still_has_its_place(string name)
    {
        Mutant mutant = Mutant.Read(Files().Single(file => Path.GetFileNameWithoutExtension(file) == name));
        string source = File.ReadAllText(Path.Combine(s_root, mutant.File));
        Assert.NotEqual(source, mutant.Apply(source));
    }

    /// <summary>Mutates a copy of the tree: what <c>./dev mutants</c> runs.</summary>
    [Fact]
    public void A_mutant_that_is_asked_for_is_planted()
    {
        if (Environment.GetEnvironmentVariable("REPLICATION_MUTANT") is not { Length: > 0 } path)
            return;
        string tree = Environment.GetEnvironmentVariable("REPLICATION_MUTANT_TREE")!;
        Mutant mutant = Mutant.Read(path);
        string file = Path.Combine(tree, mutant.File);
        File.WriteAllText(file, mutant.Apply(File.ReadAllText(file)));
    }

    private static string[] Files() => Directory.GetFiles(Path.Combine(s_root, "tests/Replication.Simulation/Mutants"), $"*{Mutant.Extension}");

    private static string FindRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (directory is not null && !File.Exists(Path.Combine(directory, "Replication.sln")))
            directory = Path.GetDirectoryName(directory);
        return directory ?? throw new InvalidOperationException("the repository's root is not above the tests");
    }
}
