namespace Sockeye.Protocol.Tests.Extensions;

/// <summary>permessage-deflate as it is offered, accepted, declined and judged (RFC 7692, sections 5 and 7.1), in the words of the
/// header.</summary>
public sealed class DeflateNegotiationTests
{
    private const string Name = "permessage-deflate";

    // What a side wants, in the words of the parameters.
    public static TheoryData<string, bool, string> Offers => new()
    {
        { "", true, "client_max_window_bits" },
        { "", false, "" },
        { "server_no_context_takeover", true, "server_no_context_takeover; client_max_window_bits" },
        { "client_no_context_takeover", true, "client_no_context_takeover; client_max_window_bits" },
        { "server_max_window_bits=8", true, "server_max_window_bits=8; client_max_window_bits" },
        { "client_max_window_bits=9", true, "client_max_window_bits=9" },
        { "client_max_window_bits=9", false, "" }, // its own window is 15 all the same
        { "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=14", true,
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=14" },
    };

    [Theory]
    [MemberData(nameof(Offers))]
    public void Offer_says_what_the_client_wants_and_can(string wishes, bool canLimitWindow, string expected) =>
        Assert.Equal(Extension(expected), ExtensionHeader.Format([DeflateNegotiation.Offer(Parameters(wishes), canLimitWindow)]));

    // The offers of a client without the name, what the server wants, what it answers (null: it declines), and what is agreed.
    public static TheoryData<string, string, string?, string> Accepted => new()
    {
        { "", "", "", "" },
        { "server_no_context_takeover", "", "server_no_context_takeover", "server_no_context_takeover" },
        { "", "server_no_context_takeover", "server_no_context_takeover", "server_no_context_takeover" },
        { "client_no_context_takeover", "", "client_no_context_takeover", "client_no_context_takeover" },
        { "", "client_no_context_takeover", "client_no_context_takeover", "client_no_context_takeover" },
        { "server_max_window_bits=8", "", "server_max_window_bits=8", "server_max_window_bits=8" },
        { "server_max_window_bits=15", "", "server_max_window_bits=15", "" },
        { "server_max_window_bits=12", "server_max_window_bits=10", "server_max_window_bits=10", "server_max_window_bits=10" },
        { "server_max_window_bits=10", "server_max_window_bits=12", "server_max_window_bits=10", "server_max_window_bits=10" },
        { "", "server_max_window_bits=9", "server_max_window_bits=9", "server_max_window_bits=9" },
        { "client_max_window_bits", "", "", "" },
        { "client_max_window_bits", "client_max_window_bits=8", "client_max_window_bits=8", "client_max_window_bits=8" },
        { "client_max_window_bits=11", "", "client_max_window_bits=11", "client_max_window_bits=11" },
        { "client_max_window_bits=15", "", "", "" },
        { "client_max_window_bits=11", "client_max_window_bits=9", "client_max_window_bits=9", "client_max_window_bits=9" },
        { "client_max_window_bits=9", "client_max_window_bits=11", "client_max_window_bits=9", "client_max_window_bits=9" },
        { "", "client_max_window_bits=9", null, "" }, // it cannot be told, for it did not offer to
        { "client_max_window_bits; server_max_window_bits=\"10\"", "", "server_max_window_bits=10", "server_max_window_bits=10" },
        { "client_no_context_takeover; server_no_context_takeover; client_max_window_bits=10; server_max_window_bits=10", "",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10",
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10" },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void TryAccept_answers_with_what_both_can_keep(string offer, string wishes, string? answer, string agreed)
    {
        bool isAccepted = DeflateNegotiation.TryAccept(
            Parse(Extension(offer)), Parameters(wishes), out DeflateParameters? parameters, out ExtensionOffer? response);

        Assert.Equal(answer is not null, isAccepted);
        Assert.Equal(answer is null ? null : Extension(answer), response is null ? null : ExtensionHeader.Format([response]));
        Assert.Equal(answer is null ? null : Parameters(agreed), parameters);
    }

    // Each is declined in an offer, and fails the connection in a response (V14).
    public static TheoryData<string> Invalid =>
    [
        "unknown", "unknown=1", "server_no_context_takeover; unknown", "Server_No_Context_Takeover",
        "server_no_context_takeover=1", "server_no_context_takeover=true", "client_no_context_takeover=15",
        "server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits=10; client_max_window_bits=11",
        "server_max_window_bits",
        .. from side in (string[])["server", "client"]
           from value in (string[])["0", "1", "7", "16", "99", "08", "008", "015", "80", "150", "1e1", "a", "-8", "+8", "8.0", "0x8", "4294967304"]
           select $"{side}_max_window_bits={value}",
    ];

    [Theory]
    [MemberData(nameof(Invalid))]
    public void Parameters_that_are_not_valid_are_declined_by_a_server_and_fail_a_client(string parameters)
    {
        IReadOnlyList<ExtensionOffer> extensions = Parse(Extension(parameters));

        Assert.False(DeflateNegotiation.TryAccept(extensions, new(), out DeflateParameters? accepted, out ExtensionOffer? response));
        Assert.Null(accepted);
        Assert.Null(response);
        Assert.False(DeflateNegotiation.TryAgree(extensions[0], new(), out DeflateParameters? agreed, out string? fault));
        Assert.Null(agreed);
        Assert.Contains(parameters.Split("; ")[^1].Split('=')[0], fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("server_max_window_bits=15", "")]
    [InlineData("server_max_window_bits=14", null)]
    [InlineData("client_max_window_bits=10", "client_max_window_bits=10")] // the client's own doing, and welcome
    [InlineData("client_max_window_bits", "")]
    public void Server_that_cannot_limit_its_window_declines_to(string offer, string? agreed)
    {
        DeflateNegotiation.TryAccept(Parse(Extension(offer)), new(), out DeflateParameters? parameters, out _, canLimitWindow: false);
        Assert.Equal(agreed is null ? null : Parameters(agreed), parameters);
    }

    [Theory]
    [InlineData("permessage-deflate; unknown, permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover")]
    [InlineData("permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; server_max_window_bits=10")]
    [InlineData("x-webkit-deflate-frame, permessage-bzip2; a=b, permessage-deflate", "permessage-deflate")]
    [InlineData("permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8")]
    [InlineData("x-webkit-deflate-frame", null)]
    [InlineData("permessage-deflate-2", null)]
    [InlineData("permessage-deflate; a, permessage-deflate; b", null)]
    public void TryAccept_takes_the_first_offer_that_it_can(string header, string? answer)
    {
        bool isAccepted = DeflateNegotiation.TryAccept(Parse(header), new(), out _, out ExtensionOffer? response);
        Assert.Equal(answer, isAccepted ? ExtensionHeader.Format([response!]) : null);
    }

    [Fact]
    public void TryAccept_of_no_offers_declines() => Assert.False(DeflateNegotiation.TryAccept([], new(), out _, out _));

    // What a client wants, what the server answers, and what is agreed (null: the connection fails).
    public static TheoryData<string, bool, string, string?> Agreed => new()
    {
        { "", true, "", "" },
        { "", true, "server_no_context_takeover", "server_no_context_takeover" },
        { "", true, "client_no_context_takeover", "client_no_context_takeover" }, // section 7.1.1.2: it must be able to
        { "", true, "server_max_window_bits=8", "server_max_window_bits=8" },
        { "", true, "client_max_window_bits=8", "client_max_window_bits=8" },
        { "", true, "client_max_window_bits=15", "" },
        { "", true, "client_max_window_bits", null },
        { "", false, "client_max_window_bits=15", null }, // it was not offered
        { "", false, "client_max_window_bits=10", null },
        { "", false, "server_max_window_bits=10", "server_max_window_bits=10" },
        { "client_max_window_bits=10", false, "", "" },
        { "client_max_window_bits=10", false, "client_max_window_bits=10", null },
        { "client_max_window_bits=10", true, "", "client_max_window_bits=10" }, // it keeps its own wish all the same
        { "client_max_window_bits=10", true, "client_max_window_bits=9", "client_max_window_bits=9" },
        { "client_max_window_bits=10", true, "client_max_window_bits=11", null },
        { "client_no_context_takeover", true, "", "client_no_context_takeover" },
        { "server_no_context_takeover", true, "server_no_context_takeover", "server_no_context_takeover" },
        { "server_no_context_takeover", true, "", null },
        { "server_max_window_bits=10", true, "server_max_window_bits=10", "server_max_window_bits=10" },
        { "server_max_window_bits=10", true, "server_max_window_bits=9", "server_max_window_bits=9" },
        { "server_max_window_bits=10", true, "server_max_window_bits=11", null },
        { "server_max_window_bits=10", true, "", null },
    };

    [Theory]
    [MemberData(nameof(Agreed))]
    public void TryAgree_holds_the_server_to_what_was_offered(string wishes, bool canLimitWindow, string answer, string? agreed)
    {
        bool isAgreed = DeflateNegotiation.TryAgree(
            Parse(Extension(answer))[0], Parameters(wishes), out DeflateParameters? parameters, out string? fault, canLimitWindow);

        Assert.Equal((agreed is not null, agreed is null), (isAgreed, fault is not null));
        Assert.Equal(agreed is null ? null : Parameters(agreed), parameters);
    }

    // Whatever a client may want and whatever a server may want: both sides end up with the same parameters, and each can keep them.
    [Fact]
    public void Each_pair_of_wishes_is_declined_or_agreed_the_same_on_both_sides()
    {
        int agreements = 0;
        DeflateParameters[] all =
        [
            .. from flags in Enumerable.Range(0, 4)
               from server in (int[])[8, 10, 15]
               from client in (int[])[8, 10, 15]
               select new DeflateParameters
               {
                   ServerNoContextTakeover = (flags & 1) != 0,
                   ClientNoContextTakeover = (flags & 2) != 0,
                   ServerMaxWindowBits = server,
                   ClientMaxWindowBits = client,
               },
        ];
        foreach ((DeflateParameters client, DeflateParameters server, bool clientCan, bool serverCan) in
            from client in all from server in all from clientCan in (bool[])[true, false] from serverCan in (bool[])[true, false]
            select (client, server, clientCan, serverCan))
        {
            string offer = ExtensionHeader.Format([DeflateNegotiation.Offer(client, clientCan)]);
            if (!DeflateNegotiation.TryAccept(Parse(offer), server, out DeflateParameters? accepted, out ExtensionOffer? response, serverCan))
                continue;
            ExtensionOffer answer = Parse(ExtensionHeader.Format([response]))[0];
            Assert.True(DeflateNegotiation.TryAgree(answer, client, out DeflateParameters? agreed, out string? fault, clientCan), fault);
            Assert.Equal(accepted, agreed);
            Assert.True(agreed.ServerNoContextTakeover == (client.ServerNoContextTakeover || server.ServerNoContextTakeover));
            Assert.True(agreed.ClientNoContextTakeover == (client.ClientNoContextTakeover || server.ClientNoContextTakeover));
            Assert.InRange(agreed.ServerMaxWindowBits, serverCan ? 8 : 15, Math.Min(client.ServerMaxWindowBits, server.ServerMaxWindowBits));
            Assert.InRange(agreed.ClientMaxWindowBits, clientCan ? 8 : 15, server.ClientMaxWindowBits);
            agreements++;
        }

        Assert.InRange(agreements, all.Length * all.Length, 4 * all.Length * all.Length);
    }

    [Fact]
    public void Parameters_tell_each_side_its_own()
    {
        DeflateParameters parameters = Parameters("server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10");
        Assert.Equal((true, 9), (parameters.HasNoContextTakeover(Role.Server), parameters.WindowBits(Role.Server)));
        Assert.Equal((false, 10), (parameters.HasNoContextTakeover(Role.Client), parameters.WindowBits(Role.Client)));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(0)]
    [InlineData(-15)]
    public void Window_that_does_not_exist_throws(int bits)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeflateParameters { ServerMaxWindowBits = bits });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeflateParameters { ClientMaxWindowBits = bits });
    }

    [Theory]
    [InlineData("permessage-deflate", true)]
    [InlineData("permessage-bzip2", false)]
    public void IsDeflate_knows_the_name(string name, bool expected) => Assert.Equal(expected, DeflateNegotiation.IsDeflate(new ExtensionOffer(name)));

    private static string Extension(string parameters) => parameters.Length == 0 ? Name : $"{Name}; {parameters}";

    private static IReadOnlyList<ExtensionOffer> Parse(string header)
    {
        Assert.True(ExtensionHeader.TryParse(header, out IReadOnlyList<ExtensionOffer>? offers), header);
        return offers;
    }

    private static DeflateParameters Parameters(string text)
    {
        var parameters = new DeflateParameters();
        foreach (string parameter in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = parameter.Split('=');
            parameters = parts[0] switch
            {
                "server_no_context_takeover" => parameters with { ServerNoContextTakeover = true },
                "client_no_context_takeover" => parameters with { ClientNoContextTakeover = true },
                "server_max_window_bits" => parameters with { ServerMaxWindowBits = int.Parse(parts[1]) },
                "client_max_window_bits" => parameters with { ClientMaxWindowBits = int.Parse(parts[1]) },
                _ => throw new ArgumentException(parameter),
            };
        }

        return parameters;
    }
}
