using System.Diagnostics.CodeAnalysis;
using Sockeye.Protocol;

namespace Sockeye.Compression;

/// <summary>What both sides agreed on for permessage-deflate, and how this side goes about it.</summary>
/// <param name="Role">This side.</param>
/// <param name="Parameters">What was agreed on.</param>
/// <param name="Options">The options of this side.</param>
internal sealed record DeflateAgreement(Role Role, DeflateParameters Parameters, PerMessageDeflateOptions Options)
{
    private bool KeepsOwnContext => !Parameters.HasNoContextTakeover(Role);

    private bool KeepsPeersContext => !Parameters.HasNoContextTakeover(Role == Role.Server ? Role.Client : Role.Server);

    /// <summary>Makes the offer of a client.</summary>
    public static ExtensionOffer Offer(PerMessageDeflateOptions options) =>
        DeflateNegotiation.Offer(options.Wishes, options.Codecs.CanLimitWindow);

    /// <summary>Accepts the first offer of a client that the options of a server fit; null where there is none, which is no failure.</summary>
    public static DeflateAgreement? Accept(
        IReadOnlyList<ExtensionOffer> offers, PerMessageDeflateOptions? options, out ExtensionOffer? response)
    {
        response = null;
        return options is not null
            && DeflateNegotiation.TryAccept(offers, options.Wishes, out DeflateParameters? agreed, out response, options.Codecs.CanLimitWindow)
            ? new DeflateAgreement(Role.Server, agreed, options)
            : null;
    }

    /// <summary>Takes what a server accepted.</summary>
    /// <param name="accepted">The extensions of the response, all of which were offered.</param>
    /// <param name="options">What was offered.</param>
    /// <param name="agreement">What is agreed; null where the server declined.</param>
    /// <param name="fault">What is wrong, where the method returns false: the client fails the connection.</param>
    public static bool TryAgree(
        IReadOnlyList<ExtensionOffer> accepted,
        PerMessageDeflateOptions? options,
        out DeflateAgreement? agreement,
        [NotNullWhen(false)] out HandshakeFault? fault)
    {
        agreement = null;
        fault = null;
        if (options is null || accepted.Count == 0)
            return true;

        string? reason = "it was accepted twice";
        DeflateParameters? agreed = null;
        if (accepted.Count > 1
            || !DeflateNegotiation.TryAgree(accepted[0], options.Wishes, out agreed, out reason, options.Codecs.CanLimitWindow))
        {
            fault = HandshakeFault.Of(HandshakeRule.DeflateMustAnswerOffer, reason);
            return false;
        }

        agreement = new DeflateAgreement(Role.Client, agreed, options);
        return true;
    }

    /// <summary>Decides whether a message is compressed.</summary>
    public bool Compresses(int length, SendOptions options)
    {
        if ((options & (SendOptions.Sensitive | SendOptions.DoNotCompress)) != 0)
            return false;
        return KeepsOwnContext || length >= Options.Threshold || (options & SendOptions.Compress) != 0;
    }

    /// <summary>Gets how this side compresses.</summary>
    public DeflaterSettings DeflaterSettings =>
        new(Options.Level, Parameters.WindowBits(Role), Options.MemoryLevel, (int)Options.Strategy);

    public MessageDeflater CreateDeflater() => new(Options.Codecs.Deflaters(DeflaterSettings), KeepsOwnContext, Options.Gate);

    public MessageInflater CreateInflater() => new(Options.Codecs.Inflaters, KeepsPeersContext, Options.Gate);
}
