using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Group 27: the negotiation of permessage-deflate (RFC 7692, sections 5 and 7.1). A server declines what it cannot accept, and the
/// connection goes on without; a client fails the connection.</summary>
internal static class Group27
{
    private const string Extensions = "Sec-WebSocket-Extensions";
    private const string Deflate = "permessage-deflate";

    private static readonly Payload Hello = Payload.Text("Hello");

    // Parameters that are wrong whoever says them.
    private static readonly (string Title, string Parameters)[] Wrong =
    [
        ("A parameter that nobody knows", "x-unknown"),
        ("server_no_context_takeover twice", "server_no_context_takeover; server_no_context_takeover"),
        ("client_no_context_takeover twice", "client_no_context_takeover; client_no_context_takeover"),
        ("server_max_window_bits twice", "server_max_window_bits=10; server_max_window_bits=10"),
        ("client_max_window_bits twice", "client_max_window_bits=10; client_max_window_bits=10"),
        ("server_no_context_takeover with a value", "server_no_context_takeover=1"),
        ("client_no_context_takeover with a value", "client_no_context_takeover=1"),
        ("server_max_window_bits without a value", "server_max_window_bits"),
        ("server_max_window_bits=7", "server_max_window_bits=7"),
        ("server_max_window_bits=16", "server_max_window_bits=16"),
        ("server_max_window_bits=08", "server_max_window_bits=08"),
        ("server_max_window_bits that is no number", "server_max_window_bits=x"),
        ("client_max_window_bits=7", "client_max_window_bits=7"),
        ("client_max_window_bits=16", "client_max_window_bits=16"),
        ("client_max_window_bits=08", "client_max_window_bits=08"),
        ("client_max_window_bits that is no number", "client_max_window_bits=x"),
    ];

    public static IEnumerable<ConformanceCase> All => [.. Offers(), .. Choices(), .. Responses(), .. Windows()];

    private static IEnumerable<ConformanceCase> Offers()
    {
        for (int i = 0; i < Wrong.Length; i++)
        {
            (string title, string parameters) = Wrong[i];
            yield return OwnCase.Answered($"27.1.{i + 1}", $"{title}, in the offer", "7692, section 7.1",
                [new SendFrame(Opcode.Text, Hello)], PeerEvent.Text(Hello)) with
            {
                EndpointRole = Role.Server,
                Handshake = HandshakeText.Request.Adding(Extensions, $"{Deflate}; {parameters}"),
            };
        }
    }

    private static IEnumerable<ConformanceCase> Choices()
    {
        yield return Of(1, "Offer that is wrong, then a right one", $"{Deflate}; x-unknown, {Deflate}");
        yield return Of(2, "Extension that nobody knows, then permessage-deflate", $"x-unknown; {Deflate}, {Deflate}");
        yield return Of(3, "Window in quotes", $"{Deflate}; server_max_window_bits=\"15\"");
        yield return Of(4, "Spaces before and none behind semicolons", $"{Deflate};server_no_context_takeover ; client_no_context_takeover");
        yield return Of(5, "Offers in two fields", "x-unknown") with
        {
            Handshake = HandshakeText.Request.Adding(Extensions, "x-unknown").Adding(Extensions, Deflate),
        };

        static ConformanceCase Of(int number, string title, string offers) => OwnCase.Answered($"27.2.{number}", title, "7692, section 5.1",
            [new SendMessage(Opcode.Text, Hello)], PeerEvent.Text(Hello)) with
        {
            EndpointRole = Role.Server,
            Handshake = HandshakeText.Request.Adding(Extensions, offers),
            Deflate = new DeflateTerms(new DeflateWish(), new DeflateWish(NoContextTakeover: true) { HintsNoContextTakeover = true }),
        };
    }

    private static IEnumerable<ConformanceCase> Responses()
    {
        for (int i = 0; i < Wrong.Length; i++)
        {
            (string title, string parameters) = Wrong[i];
            yield return OwnCase.Unopened($"27.3.{i + 1}", $"{title}, in the response", "7692, section 7.1", Role.Client,
                HandshakeText.Response.Adding(Extensions, $"{Deflate}; {parameters}"));
        }

        yield return OwnCase.Unopened($"27.3.{Wrong.Length + 1}", "client_max_window_bits without a value, in the response", "7692, section 7.1.2.2",
            Role.Client, HandshakeText.Response.Adding(Extensions, $"{Deflate}; client_max_window_bits"));
    }

    /// <summary>What the endpoint compresses must keep within the window that was agreed on. The message repeats what lies further back than a
    /// small window reaches, but not further than a large one.</summary>
    private static IEnumerable<ConformanceCase> Windows()
    {
        for (int bits = 8; bits <= 15; bits++)
            yield return Of($"27.4.{bits - 7}", $"Messages that repeat themselves, with a window of {bits} bits", new DeflateWish(WindowBits: bits), bits);
        for (int bits = 8; bits <= 15; bits++)
        {
            yield return Of($"27.5.{bits - 7}", $"Messages that repeat themselves, with a window of {bits} bits for each",
                new DeflateWish(NoContextTakeover: true, WindowBits: bits), bits);
        }

        static ConformanceCase Of(string id, string title, DeflateWish wish, int bits)
        {
            SampleData data = SampleData.Json;
            byte[] unit = data.Window(0, (1 << bits) + 100).ToArray();
            Payload message = Payload.Repeat(unit, Math.Min(3 * unit.Length, 90_000));
            return OwnCase.Answered(id, title, "7692, section 7.1.2",
                [.. Messages.RoundTrips(Opcode.Binary, _ => message, 3)]) with
            {
                Deflate = new DeflateTerms(wish),
                ChecksWindow = true,
                Limit = CaseLimit.FailAfter(10),
            };
        }
    }
}
