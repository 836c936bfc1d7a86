using System.Diagnostics.CodeAnalysis;

namespace Sockeye.Protocol;

/// <summary>Reads, checks and selects subprotocols (RFC 6455, sections 1.9, 4.1 and 4.2.2). Their case matters.</summary>
public static class Subprotocol
{
    /// <summary>The most subprotocols that one request may offer.</summary>
    public const int MaxOffered = 64;

    /// <summary>Reads the subprotocols that a client offers.</summary>
    /// <param name="value">The value of <c>Sec-WebSocket-Protocol</c>, repeated headers joined; null is none.</param>
    /// <param name="offered">The subprotocols in the client's order; empty for null.</param>
    /// <returns>False where the value is no list of 1–64 distinct tokens.</returns>
    public static bool TryParse(string? value, [NotNullWhen(true)] out IReadOnlyList<string>? offered)
    {
        var cursor = new FieldCursor(value);
        return TryParse(ref cursor, value is null, out offered);
    }

    /// <summary>Selects a subprotocol: the first of the client's that the server supports.</summary>
    /// <param name="offered">What the client offers, in its order of preference.</param>
    /// <param name="supported">What the server supports.</param>
    /// <returns>The subprotocol, or null where there is none in common.</returns>
    public static string? Select(IReadOnlyList<string> offered, IReadOnlyList<string> supported)
    {
        ArgumentNullException.ThrowIfNull(offered);
        ArgumentNullException.ThrowIfNull(supported);
        foreach (string candidate in offered)
        {
            if (Contains(supported, candidate))
                return candidate;
        }

        return null;
    }

    /// <summary>Throws unless a list of subprotocols can be offered or supported: tokens, each there once.</summary>
    /// <param name="subprotocols">The list.</param>
    /// <param name="name">The name of the option or parameter, for the exception.</param>
    /// <exception cref="ArgumentException">An element is no token or is there twice, or there are more than 64.</exception>
    public static void Validate(IReadOnlyList<string> subprotocols, string name)
    {
        ArgumentNullException.ThrowIfNull(subprotocols, name);
        if (subprotocols.Count > MaxOffered)
            throw new ArgumentException($"{name} holds {subprotocols.Count} subprotocols: at most {MaxOffered} are allowed.", name);
        for (int i = 0; i < subprotocols.Count; i++)
        {
            Validate(subprotocols[i], name);
            for (int j = 0; j < i; j++)
            {
                if (string.Equals(subprotocols[i], subprotocols[j], StringComparison.Ordinal))
                    throw new ArgumentException($"{name} holds '{subprotocols[i]}' twice: name each subprotocol once.", name);
            }
        }
    }

    internal static void Validate(string? subprotocol, string name)
    {
        if (!HeaderTokens.IsToken(subprotocol))
        {
            throw new ArgumentException(
                $"'{PeerText.Escape(subprotocol)}' in {name} is no subprotocol: use letters, digits and !#$%&'*+-.^_`|~ only.", name);
        }
    }

    internal static bool Contains(IReadOnlyList<string> list, string subprotocol)
    {
        foreach (string candidate in list)
        {
            if (string.Equals(candidate, subprotocol, StringComparison.Ordinal))
                return true;
        }

        return false;
    }

    internal static bool TryParse(ref FieldCursor cursor, bool isAbsent, [NotNullWhen(true)] out IReadOnlyList<string>? offered)
    {
        if (isAbsent)
        {
            offered = [];
            return true;
        }

        offered = null;

        List<string> parsed = [];
        while (true)
        {
            cursor.SkipSeparators();
            if (cursor.IsAtEnd)
                break;

            string subprotocol = cursor.ReadToken().ToString();
            cursor.SkipWhitespace();
            if (subprotocol.Length == 0
                || !cursor.IsAtElementEnd()
                || parsed.Count == MaxOffered
                || Contains(parsed, subprotocol))
            {
                return false;
            }

            parsed.Add(subprotocol);
        }

        offered = parsed;
        return parsed.Count > 0;
    }
}
