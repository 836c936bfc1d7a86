using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>What a case negotiates for permessage-deflate (RFC 7692, section 7.1), one alternative after the other.</summary>
/// <remarks>The suite asks the other side to compress so: as a client in its offers, as a server in its response.</remarks>
internal sealed class DeflateTerms
{
    private readonly IReadOnlyList<DeflateWish> _wishes;

    public DeflateTerms(params IReadOnlyList<DeflateWish> wishes)
    {
        _wishes = wishes;
        Offers = [.. wishes.Select(MakeOffer)];
    }

    /// <summary>Gets what the suite offers as a client.</summary>
    public IReadOnlyList<ExtensionOffer> Offers { get; }

    /// <summary>Judges, as a client, what a server accepted.</summary>
    /// <param name="accepted">The extensions of the response.</param>
    /// <param name="agreed">What is agreed; null where the server declined.</param>
    /// <param name="fault">What is wrong with the response, when the method returns false.</param>
    public bool TryAgree(
        IReadOnlyList<ExtensionOffer> accepted, out DeflateParameters? agreed, [NotNullWhen(false)] out string? fault)
    {
        agreed = null;
        fault = null;
        if (accepted.Count == 0)
            return true;
        if (accepted.Count > 1)
        {
            fault = "the server accepted permessage-deflate more than once";
            return false;
        }

        foreach (DeflateWish wish in _wishes)
        {
            var wishes = new DeflateParameters
            {
                ServerNoContextTakeover = wish.NoContextTakeover,
                ServerMaxWindowBits = wish.Window,
                ClientNoContextTakeover = wish.HintsNoContextTakeover,
            };
            if (DeflateNegotiation.TryAgree(accepted[0], wishes, out agreed, out string? why))
            {
                fault = null;
                return true;
            }

            fault ??= why;
        }

        fault ??= "nothing was offered";
        return false;
    }

    /// <summary>Finds, as a server, the first alternative to which an offer of a client agrees.</summary>
    public bool TryAccept(
        IReadOnlyList<ExtensionOffer> offers,
        [NotNullWhen(true)] out DeflateParameters? agreed,
        [NotNullWhen(true)] out ExtensionOffer? response)
    {
        foreach (DeflateWish wish in _wishes)
        {
            var wishes = new DeflateParameters { ClientNoContextTakeover = wish.NoContextTakeover, ClientMaxWindowBits = wish.Window };
            if (DeflateNegotiation.TryAccept(offers, wishes, out agreed, out response))
                return true;
        }

        agreed = null;
        response = null;
        return false;
    }

    // Written here and not by DeflateNegotiation: a window of 15 is asked for by name, where that leaves it out.
    private static ExtensionOffer MakeOffer(DeflateWish wish)
    {
        var parameters = new List<ExtensionParameter>();
        if (wish.NoContextTakeover)
            parameters.Add(new ExtensionParameter("server_no_context_takeover"));
        if (wish.WindowBits != 0)
            parameters.Add(new ExtensionParameter("server_max_window_bits", wish.WindowBits.ToString(CultureInfo.InvariantCulture)));
        if (wish.HintsNoContextTakeover)
            parameters.Add(new ExtensionParameter("client_no_context_takeover"));
        parameters.Add(new ExtensionParameter("client_max_window_bits"));
        return new ExtensionOffer(DeflateParameters.ExtensionName, parameters);
    }
}

/// <summary>What the other side is asked to keep.</summary>
/// <param name="NoContextTakeover">Whether each message must start with an empty window.</param>
/// <param name="WindowBits">The largest window, 8–15; 0 does not ask.</param>
internal sealed record DeflateWish(bool NoContextTakeover = false, int WindowBits = 0)
{
    /// <summary>Gets whether the suite, as a client, says that it will itself start each message with an empty window.</summary>
    public bool HintsNoContextTakeover { get; init; }

    internal int Window => WindowBits == 0 ? DeflateParameters.MaxWindowBits : WindowBits;
}
