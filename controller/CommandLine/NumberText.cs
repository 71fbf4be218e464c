using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Replication.Controller.CommandLine;

/// <summary>Whole numbers, refused by the option's name and not by the type that holds them.</summary>
internal static class NumberText
{
    public static T Parse<T>(ArgumentResult result)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (T.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out T number))
            return number;
        string name = ((OptionResult)result.Parent!).Option.Name;
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: '{result.Tokens[0].Value}' is not a whole number from 0 to {T.MaxValue}."));
        return default;
    }
}
