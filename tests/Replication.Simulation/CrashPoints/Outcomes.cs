namespace Replication.Simulation.CrashPoints;

/// <summary>Which outcomes of a crash are tried: all of them where they are few, else the ends, each write alone lost or kept, and seeded ones.</summary>
internal static class Outcomes
{
    /// <param name="choices">What is open.</param>
    /// <param name="exhaustive">Up to so many, every outcome.</param>
    /// <param name="sampled">Where they are more, so many of them.</param>
    /// <param name="random">Draws the sampled ones.</param>
    public static IEnumerable<int[]> Of(IReadOnlyList<Choice> choices, int exhaustive, int sampled, Random random)
    {
        long product = 1;
        foreach (Choice choice in choices)
            product = Math.Min(product * choice.Options, int.MaxValue);
        return product <= exhaustive ? Every(choices, (int)product) : Some(choices, sampled, random);
    }

    /// <summary>Nothing is lost.</summary>
    public static int[] All(IReadOnlyList<Choice> choices) => [.. choices.Select(choice => choice.Options - 1)];

    public static int[] Draw(IReadOnlyList<Choice> choices, Random random) => random.Next(3) switch
    {
        // Anything; most is there; most is lost.
        0 => [.. choices.Select(choice => random.Next(choice.Options))],
        1 => [.. choices.Select(choice => random.Next(8) == 0 ? random.Next(choice.Options) : choice.Options - 1)],
        _ => [.. choices.Select(choice => random.Next(8) == 0 ? random.Next(choice.Options) : 0)],
    };

    private static IEnumerable<int[]> Every(IReadOnlyList<Choice> choices, int product)
    {
        for (int number = 0; number < product; number++)
        {
            int[] outcome = new int[choices.Count];
            int rest = number;
            for (int i = 0; i < outcome.Length; i++)
            {
                outcome[i] = rest % choices[i].Options;
                rest /= choices[i].Options;
            }

            yield return outcome;
        }
    }

    private static IEnumerable<int[]> Some(IReadOnlyList<Choice> choices, int most, Random random)
    {
        yield return new int[choices.Count];
        yield return All(choices);
        // Whole files first: an order between two files that nothing forces shows there.
        List<Func<Choice, bool>> parts = [];
        parts.AddRange(Shuffled(choices.Select(choice => choice.Group.File), random).Select(file => (Func<Choice, bool>)(choice => choice.Group.File == file)));
        parts.AddRange(Shuffled(choices.Select(choice => choice.Group), random).Select(group => (Func<Choice, bool>)(choice => choice.Group == group)));
        int left = most - 2;
        // A quarter stays for anything else.
        foreach (Func<Choice, bool> part in parts)
        {
            if (left <= most / 4)
                break;
            left -= 2;
            yield return [.. choices.Select(choice => part(choice) ? 0 : choice.Options - 1)];
            yield return [.. choices.Select(choice => part(choice) ? choice.Options - 1 : 0)];
        }

        for (; left > 0; left--)
            yield return Draw(choices, random);
    }

    private static T[] Shuffled<T>(IEnumerable<T> items, Random random)
    {
        T[] distinct = [.. items.Distinct()];
        random.Shuffle(distinct);
        return distinct;
    }
}
