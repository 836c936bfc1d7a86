using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

public sealed class DeflateTermsTests
{
    [Theory]
    [InlineData("12.1.1", "permessage-deflate; client_no_context_takeover; client_max_window_bits")]
    [InlineData("13.1.1", "permessage-deflate; client_max_window_bits")]
    [InlineData("13.2.1", "permessage-deflate; server_no_context_takeover; client_max_window_bits")]
    [InlineData("13.3.1", "permessage-deflate; server_max_window_bits=9; client_max_window_bits")]
    [InlineData("13.4.1", "permessage-deflate; server_max_window_bits=15; client_max_window_bits")]
    [InlineData("13.5.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits")]
    [InlineData("13.6.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=15; client_max_window_bits")]
    [InlineData("13.7.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits, "
        + "permessage-deflate; server_no_context_takeover; client_max_window_bits, permessage-deflate; client_max_window_bits")]
    public void Offer_of_a_case_is_the_known_one(string id, string header) =>
        Assert.Equal(header, ExtensionHeader.Format(Terms(id).Offers));

    [Theory]
    [InlineData("13.5.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=9", true)]
    [InlineData("13.5.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=8; client_max_window_bits=10", true)]
    [InlineData("13.5.1", "permessage-deflate; server_no_context_takeover", false)]
    [InlineData("13.5.1", "permessage-deflate; server_max_window_bits=9", false)]
    [InlineData("13.5.1", "permessage-deflate; server_no_context_takeover; server_max_window_bits=10", false)]
    [InlineData("13.7.1", "permessage-deflate", true)]
    [InlineData("13.7.1", "permessage-deflate; server_no_context_takeover", true)]
    [InlineData("13.7.1", "permessage-deflate; server_no_context_takeover; unknown", false)]
    [InlineData("13.7.1", "permessage-deflate, permessage-deflate", false)]
    public void Answer_of_a_server_must_keep_one_of_the_offers(string id, string header, bool isKept)
    {
        Assert.True(ExtensionHeader.TryParse(header, out IReadOnlyList<ExtensionOffer>? accepted));
        Assert.Equal(isKept, Terms(id).TryAgree(accepted, out DeflateParameters? agreed, out string? fault));
        Assert.Equal(isKept, agreed is not null);
        Assert.Equal(isKept, fault is null);
    }

    [Fact]
    public void Server_that_answers_nothing_has_declined()
    {
        Assert.True(Terms("13.5.1").TryAgree([], out DeflateParameters? agreed, out _));
        Assert.Null(agreed);
    }

    [Theory]
    [InlineData("13.3.1", "permessage-deflate", null)]
    [InlineData("13.3.1", "permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=9")]
    [InlineData("13.5.1", "permessage-deflate; client_max_window_bits=8", "permessage-deflate; client_no_context_takeover; client_max_window_bits=8")]
    [InlineData("13.7.1", "permessage-deflate", "permessage-deflate; client_no_context_takeover")]
    [InlineData("13.1.1", "permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover")]
    public void Suite_as_a_server_accepts_the_first_alternative_that_fits(string id, string offers, string? answer)
    {
        Assert.True(ExtensionHeader.TryParse(offers, out IReadOnlyList<ExtensionOffer>? parsed));
        Assert.Equal(answer is not null, Terms(id).TryAccept(parsed, out _, out ExtensionOffer? response));
        Assert.Equal(answer, response?.ToString());
    }

    private static DeflateTerms Terms(string id) => CaseSelection.Select(CaseCatalog.Full, id)[0].Deflate!;
}
