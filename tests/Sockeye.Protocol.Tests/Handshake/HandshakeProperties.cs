using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Sockeye.Protocol.Tests.Handshake;

/// <summary>What holds for any input: nothing throws, cuts make no difference, what was written is read back.</summary>
public sealed class HandshakeProperties
{
    private static readonly HandshakeLimits Limits = new() { MaxHeadBytes = 128, MaxLineBytes = 40, MaxHeaderLines = 3 };

    // Bytes that come near to a head, so that more than the first check is reached.
    private static readonly Gen<byte[]> HeadLike =
        from pieces in Gen.ArrayOf(Gen.OneOf(
            Gen.Elements("GET ", "/", " HTTP/1.1", "HTTP/1.1 101 ", "\r\n", "\r", "\n", "\r\n\r\n", "Host:", " a", ":", ",", ";", "=", "\"", "\\",
                "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: a, b",
                "Sec-WebSocket-Key: " + Heads.Key, "\t", "\0", "[::1]", "%", "?", "http://"),
            Gen.Choose(0, 255).Select(code => ((char)code).ToString())))
        select Encoding.Latin1.GetBytes(string.Concat(pieces));

    [Fact]
    public void Parsers_given_any_bytes_never_throw() =>
        Prop.ForAll(Arb.From(HeadLike), bytes =>
        {
            if (RequestHead.TryParse(bytes, out RequestHead? request, out _))
            {
                ServerHandshake.IsAcceptable(request);
                request.GetQueryValue("a");
                request.GetCookie("a");
                request.ToBytes();
            }

            if (ResponseHead.TryParse(bytes, out ResponseHead? response, out _))
                new ClientHandshake("a", "/", Heads.Key).TryAccept(response, out _, out _);
            string text = Encoding.Latin1.GetString(bytes);
            _ = HeaderTokens.Contains(text, "a");
            _ = Subprotocol.TryParse(text, out _);
            _ = ExtensionHeader.TryParse(text, out _);
            _ = Authority.TryParse(text, out _);
            _ = HandshakeKey.IsValid(text);
            return true;
        }).Check(Thorough);

    [Fact]
    public void HeadScanner_given_any_bytes_in_any_cuts_ends_the_same() =>
        Prop.ForAll(Arb.From(HeadLike), bytes =>
        {
            var whole = Heads.Scan(bytes, [bytes.Length], Limits);
            foreach (int[] prefixes in Heads.Cuts(bytes.Length))
            {
                if (Heads.Scan(bytes, prefixes, Limits) != whole)
                    return false;
            }

            return true;
        }).Check(Thorough);

    [Fact]
    public void ExtensionHeader_written_then_read_is_the_same() =>
        Prop.ForAll(Arb.From(HeadLike), bytes =>
            !ExtensionHeader.TryParse(Encoding.Latin1.GetString(bytes), out IReadOnlyList<ExtensionOffer>? offers)
            || (ExtensionHeader.TryParse(ExtensionHeader.Format(offers), out IReadOnlyList<ExtensionOffer>? again)
                && ExtensionHeader.Format(again) == ExtensionHeader.Format(offers))).Check(Thorough);

    // V26
    [Fact]
    public void Heads_written_from_any_strings_hold_no_line_that_was_not_added() =>
        Prop.ForAll<string, string, string>((name, value, target) =>
        {
            HttpHeaders headers = [];
            RequestHead request;
            try
            {
                headers.Add(name ?? "", value ?? "");
                request = new RequestHead("GET", "/" + target, headers);
            }
            catch (ArgumentException)
            {
                return true;
            }

            return RequestHead.TryParse(request.ToBytes(), out RequestHead? parsed, out _)
                && parsed.Headers.SequenceEqual(headers)
                && parsed.Target == request.Target;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(10_000));

    private static Config Thorough => Config.QuickThrowOnFailure.WithMaxTest(3_000);
}
