using System.CommandLine;

namespace Sockeye.Cli;

/// <summary>Judges the values of options.</summary>
internal static class OptionChecks
{
    /// <summary>Refuses values that are not right. Of what is no value of the type at all, the parser tells by itself.</summary>
    public static void Check<T>(this Option<T> option, Func<T?, bool> isRight, string message) => option.Validators.Add(result =>
    {
        try
        {
            if (!isRight(result.GetValueOrDefault<T>()))
                result.AddError(message);
        }
        catch (InvalidOperationException)
        {
            // As the summary says: such a value cannot be asked for.
        }
    });
}
