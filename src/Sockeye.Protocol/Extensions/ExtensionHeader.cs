using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Sockeye.Protocol;

/// <summary>Reads and writes the header <c>Sec-WebSocket-Extensions</c> (RFC 6455, section 9.1).</summary>
public static class ExtensionHeader
{
    /// <summary>The most extensions that one header may name.</summary>
    public const int MaxOffers = 16;

    /// <summary>The most parameters that one extension may have.</summary>
    public const int MaxParameters = 16;

    /// <summary>Reads the header.</summary>
    /// <param name="value">The value, repeated headers joined; null is none.</param>
    /// <param name="offers">The extensions in their order; empty for null.</param>
    /// <returns>False where the value breaks the grammar (a quoted value must hold a token once it is unescaped), names no
    /// extension, or names more than 16 of them or of the parameters of one.</returns>
    /// <remarks>Takes time proportional to the length of the value.</remarks>
    public static bool TryParse(string? value, [NotNullWhen(true)] out IReadOnlyList<ExtensionOffer>? offers)
    {
        var cursor = new FieldCursor(value);
        return TryParse(ref cursor, value is null, out offers);
    }

    /// <summary>Writes the header.</summary>
    /// <param name="offers">The extensions in their order.</param>
    /// <returns>The value; empty where there are none, and then the header must be left out.</returns>
    public static string Format(IReadOnlyList<ExtensionOffer> offers)
    {
        ArgumentNullException.ThrowIfNull(offers);
        var text = new StringBuilder();
        foreach (ExtensionOffer offer in offers)
        {
            text.Append(text.Length == 0 ? "" : ", ").Append(offer.Name);
            foreach (ExtensionParameter parameter in offer.Parameters)
            {
                text.Append("; ").Append(parameter.Name);
                if (parameter.Value is not null)
                    text.Append('=').Append(parameter.Value);
            }
        }

        return text.ToString();
    }

    internal static bool TryParse(
        ref FieldCursor cursor, bool isAbsent, [NotNullWhen(true)] out IReadOnlyList<ExtensionOffer>? offers)
    {
        if (isAbsent)
        {
            offers = [];
            return true;
        }

        offers = null;

        List<ExtensionOffer> parsed = [];
        while (true)
        {
            cursor.SkipSeparators();
            if (cursor.IsAtEnd)
                break;
            if (parsed.Count == MaxOffers || !TryReadOffer(ref cursor, out ExtensionOffer? offer))
                return false;
            parsed.Add(offer);
        }

        offers = parsed;
        return parsed.Count > 0;
    }

    private static bool TryReadOffer(ref FieldCursor cursor, [NotNullWhen(true)] out ExtensionOffer? offer)
    {
        offer = null;
        string name = cursor.ReadToken().ToString();
        if (name.Length == 0)
            return false;

        List<ExtensionParameter> parameters = [];
        cursor.SkipWhitespace();
        while (cursor.TryTake(';'))
        {
            cursor.SkipWhitespace();
            if (parameters.Count == MaxParameters || !TryReadParameter(ref cursor, out ExtensionParameter parameter))
                return false;
            parameters.Add(parameter);
            cursor.SkipWhitespace();
        }

        offer = new ExtensionOffer(name, parameters);
        return cursor.IsAtElementEnd();
    }

    private static bool TryReadParameter(ref FieldCursor cursor, out ExtensionParameter parameter)
    {
        parameter = default;
        string name = cursor.ReadToken().ToString();
        if (name.Length == 0)
            return false;

        string? value = null;
        if (cursor.TryTake('='))
        {
            value = cursor.TryTake('"') ? cursor.ReadQuoted() : cursor.ReadToken().ToString();
            if (!HeaderTokens.IsToken(value))
                return false;
        }

        parameter = new ExtensionParameter(name, value);
        return true;
    }
}
