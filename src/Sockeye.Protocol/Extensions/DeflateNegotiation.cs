using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Sockeye.Protocol;

/// <summary>Negotiates permessage-deflate (RFC 7692, sections 5 and 7.1): what a client offers, what a server accepts of it, and what a
/// client makes of the answer.</summary>
/// <remarks>The wishes of a side are <see cref="DeflateParameters"/>: a flag that is set demands that the side it names does so; a window
/// below 15 is the largest one that this side allows.</remarks>
public static class DeflateNegotiation
{
    private const string ServerNoContext = "server_no_context_takeover";
    private const string ClientNoContext = "client_no_context_takeover";
    private const string ServerWindow = "server_max_window_bits";
    private const string ClientWindow = "client_max_window_bits";

    /// <summary>Makes the offer of a client.</summary>
    /// <param name="wishes">What the client wants.</param>
    /// <param name="canLimitWindow">Whether the client can compress with a smaller window than 15: only then the offer says so, and what
    /// it wishes for its own window counts.</param>
    public static ExtensionOffer Offer(DeflateParameters wishes, bool canLimitWindow = true)
    {
        ArgumentNullException.ThrowIfNull(wishes);
        var parameters = new List<ExtensionParameter>();
        if (wishes.ServerNoContextTakeover)
            parameters.Add(new ExtensionParameter(ServerNoContext));
        if (wishes.ClientNoContextTakeover)
            parameters.Add(new ExtensionParameter(ClientNoContext));
        if (wishes.ServerMaxWindowBits < DeflateParameters.MaxWindowBits)
            parameters.Add(Window(ServerWindow, wishes.ServerMaxWindowBits));
        if (canLimitWindow && wishes.ClientMaxWindowBits < DeflateParameters.MaxWindowBits)
            parameters.Add(Window(ClientWindow, wishes.ClientMaxWindowBits));
        else if (canLimitWindow)
            parameters.Add(new ExtensionParameter(ClientWindow));
        return new ExtensionOffer(DeflateParameters.ExtensionName, parameters);
    }

    /// <summary>Finds the first offer that a server can accept. One that it cannot is declined, which is no failure.</summary>
    /// <param name="offers">The extensions that the client offers.</param>
    /// <param name="wishes">What the server wants.</param>
    /// <param name="agreed">What is agreed, where an offer is accepted.</param>
    /// <param name="response">What the response says, where an offer is accepted.</param>
    /// <param name="canLimitWindow">Whether the server can compress with a smaller window than 15; otherwise an offer that asks for one
    /// is declined.</param>
    /// <returns>Whether an offer is accepted.</returns>
    public static bool TryAccept(
        IReadOnlyList<ExtensionOffer> offers,
        DeflateParameters wishes,
        [NotNullWhen(true)] out DeflateParameters? agreed,
        [NotNullWhen(true)] out ExtensionOffer? response,
        bool canLimitWindow = true)
    {
        ArgumentNullException.ThrowIfNull(offers);
        ArgumentNullException.ThrowIfNull(wishes);
        foreach (ExtensionOffer offer in offers)
        {
            if (IsDeflate(offer)
                && Parse(offer, isResponse: false) is { Fault: null } asked
                && Agree(asked, wishes, canLimitWindow) is { } agreement)
            {
                agreed = agreement;
                response = Respond(asked, agreement);
                return true;
            }
        }

        agreed = null;
        response = null;
        return false;
    }

    /// <summary>Judges what a server accepted.</summary>
    /// <param name="accepted">The extension of the response.</param>
    /// <param name="wishes">What the client offered.</param>
    /// <param name="agreed">What is agreed, where the method returns true.</param>
    /// <param name="fault">What is wrong, where it returns false: the client fails the connection.</param>
    /// <param name="canLimitWindow">What <see cref="Offer"/> was told.</param>
    public static bool TryAgree(
        ExtensionOffer accepted,
        DeflateParameters wishes,
        [NotNullWhen(true)] out DeflateParameters? agreed,
        [NotNullWhen(false)] out string? fault,
        bool canLimitWindow = true)
    {
        ArgumentNullException.ThrowIfNull(accepted);
        ArgumentNullException.ThrowIfNull(wishes);
        Parsed answer = Parse(accepted, isResponse: true);
        fault = answer.Fault ?? FindUnkept(answer, wishes, canLimitWindow);
        agreed = fault is not null ? null : new DeflateParameters
        {
            ServerNoContextTakeover = answer.ServerNoContext,
            // A client may always do more than it is asked to.
            ClientNoContextTakeover = answer.ClientNoContext || wishes.ClientNoContextTakeover,
            ServerMaxWindowBits = answer.ServerWindow ?? DeflateParameters.MaxWindowBits,
            ClientMaxWindowBits = canLimitWindow
                ? Math.Min(answer.ClientWindow ?? DeflateParameters.MaxWindowBits, wishes.ClientMaxWindowBits)
                : DeflateParameters.MaxWindowBits,
        };
        return fault is null;
    }

    /// <summary>Tells whether an extension is permessage-deflate.</summary>
    /// <param name="extension">The extension.</param>
    public static bool IsDeflate(ExtensionOffer extension)
    {
        ArgumentNullException.ThrowIfNull(extension);
        return extension.Name.Equals(DeflateParameters.ExtensionName, StringComparison.OrdinalIgnoreCase);
    }

    private static DeflateParameters? Agree(Parsed asked, DeflateParameters wishes, bool canLimitWindow)
    {
        int server = Math.Min(asked.ServerWindow ?? DeflateParameters.MaxWindowBits, wishes.ServerMaxWindowBits);
        if (server < DeflateParameters.MaxWindowBits && !canLimitWindow)
            return null;
        // A client that did not offer to limit its window cannot be told to.
        if (wishes.ClientMaxWindowBits < DeflateParameters.MaxWindowBits && !asked.HasClientWindow)
            return null;

        return new DeflateParameters
        {
            ServerNoContextTakeover = asked.ServerNoContext || wishes.ServerNoContextTakeover,
            ClientNoContextTakeover = asked.ClientNoContext || wishes.ClientNoContextTakeover,
            ServerMaxWindowBits = server,
            ClientMaxWindowBits = Math.Min(asked.ClientWindow ?? DeflateParameters.MaxWindowBits, wishes.ClientMaxWindowBits),
        };
    }

    private static ExtensionOffer Respond(Parsed asked, DeflateParameters agreed)
    {
        var parameters = new List<ExtensionParameter>();
        if (agreed.ServerNoContextTakeover)
            parameters.Add(new ExtensionParameter(ServerNoContext));
        if (agreed.ClientNoContextTakeover)
            parameters.Add(new ExtensionParameter(ClientNoContext));
        if (asked.ServerWindow is not null || agreed.ServerMaxWindowBits < DeflateParameters.MaxWindowBits)
            parameters.Add(Window(ServerWindow, agreed.ServerMaxWindowBits));
        if (asked.HasClientWindow && agreed.ClientMaxWindowBits < DeflateParameters.MaxWindowBits)
            parameters.Add(Window(ClientWindow, agreed.ClientMaxWindowBits));
        return new ExtensionOffer(DeflateParameters.ExtensionName, parameters);
    }

    private static string? FindUnkept(Parsed answer, DeflateParameters wishes, bool canLimitWindow)
    {
        if (wishes.ServerNoContextTakeover && !answer.ServerNoContext)
            return $"the server did not agree to {ServerNoContext}";
        if (wishes.ServerMaxWindowBits < (answer.ServerWindow ?? DeflateParameters.MaxWindowBits))
            return $"the server did not agree to {ServerWindow}={wishes.ServerMaxWindowBits}";
        if (answer.HasClientWindow && !canLimitWindow)
            return $"{ClientWindow} was not offered";
        if (answer.ClientWindow > wishes.ClientMaxWindowBits)
            return $"{ClientWindow}={answer.ClientWindow} is larger than what was offered";
        return null;
    }

    private static Parsed Parse(ExtensionOffer extension, bool isResponse)
    {
        var parsed = new Parsed();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (ExtensionParameter parameter in extension.Parameters)
        {
            if (!seen.Add(parameter.Name))
                return new Parsed { Fault = $"the parameter {parameter.Name} stands there twice" };

            bool isValid;
            switch (parameter.Name)
            {
                case ServerNoContext:
                    parsed.ServerNoContext = isValid = parameter.Value is null;
                    break;
                case ClientNoContext:
                    parsed.ClientNoContext = isValid = parameter.Value is null;
                    break;
                case ServerWindow:
                    isValid = TryParseWindow(parameter.Value, out int server);
                    parsed.ServerWindow = server;
                    break;
                case ClientWindow:
                    // An offer may leave the value out: any window will do. A response may not.
                    parsed.HasClientWindow = true;
                    isValid = TryParseWindow(parameter.Value, out int client);
                    parsed.ClientWindow = isValid ? client : null;
                    isValid |= parameter.Value is null && !isResponse;
                    break;
                default:
                    return new Parsed { Fault = $"the parameter {parameter.Name} is not known" };
            }

            if (!isValid)
                return new Parsed { Fault = $"the parameter {parameter.Name} has no valid value" };
        }

        return parsed;
    }

    /// <summary>Reads a window: 8–15, without a leading zero.</summary>
    private static bool TryParseWindow(string? value, out int bits)
    {
        bits = DeflateParameters.MaxWindowBits;
        return value is { Length: 1 or 2 }
            && value[0] != '0'
            && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out bits)
            && bits is >= DeflateParameters.MinWindowBits and <= DeflateParameters.MaxWindowBits;
    }

    private static ExtensionParameter Window(string name, int bits) => new(name, bits.ToString(CultureInfo.InvariantCulture));

    /// <summary>What one extension says.</summary>
    private sealed class Parsed
    {
        public bool ServerNoContext;
        public bool ClientNoContext;
        public int? ServerWindow;
        public bool HasClientWindow;
        public int? ClientWindow;
        public string? Fault;
    }
}
