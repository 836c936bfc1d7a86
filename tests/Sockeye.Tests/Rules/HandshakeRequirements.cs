namespace Sockeye.Tests.Rules;

/// <summary>What RFC 6455, sections 3, 4, 9 and 10, and HTTP (RFC 9110, 9112) demand of the opening handshake.</summary>
internal static class HandshakeRequirements
{
    private const string Uris = "WebSocketUriTests.Parse_of_an_address_gives_what_the_client_needs";
    private const string NoUris = "WebSocketUriTests.Parse_of_what_is_no_address_throws_and_says_why";
    private const string Request = "ClientHandshakeTests.CreateRequest_with_everything_writes_the_headers_in_order";
    private const string RequestOnTheWire = "ConnectTests.ConnectAsync_sends_the_request_exactly_as_it_was_set";
    private const string Response = "ClientHandshakeTests.TryAccept_of_a_response_opens_or_names_the_rule";
    private const string ResponseOnTheWire = "ConnectTests.ConnectAsync_to_a_server_that_breaks_a_rule_fails_and_ends_the_connection";
    private const string OneHeader = "ServerHandshakeTests.TryEvaluate_with_one_header_wrong_names_the_rule";
    private const string RequestLine = "ServerHandshakeTests.TryEvaluate_with_another_request_line_names_the_rule";
    private const string Refusals = "RefusalTests.Server_given_a_request_that_it_refuses_answers_with_the_status_and_serves_the_next";
    private const string Switching = "ServerHandshakeTests.Accept_writes_the_101_of_the_RFC";
    private const string Offered = "ServerHandshakeTests.Accept_of_what_was_not_offered_throws";
    private const string Grammar = "HeaderListTests.ExtensionHeader_TryParse_then_Format_gives_the_plain_form";
    private const string MalformedHeads = "RequestHeadTests.TryParse_of_a_malformed_head_names_the_rule";

    public static Requirement[] All =>
    [
        new("6455 3 no fragment", Side.Client, "A URI with a fragment is refused; '#' is written %23.", NoUris, Uris),
        new("6455 3 ports", Side.Client, "The port is 80 for ws and 443 for wss where none is named.", Uris),
        new("6455 3 resource name", Side.Client, "The target is the path, '/' where it is empty, with the query.", Uris),

        new("6455 4.1 URI", Side.Client, "What is no valid URI fails before anything is sent.", NoUris),
        new("6455 4.1 one connecting per address", Side.Client, "At most one connection to an address is being opened at a time."),
        new("6455 4.1 TLS first", Side.Client, "For wss the TLS handshake comes before anything else, and its failure fails the connection.",
            "ConnectTlsTests.ConnectAsync_by_TLS_to_a_server_that_is_trusted_echoes", "ConnectTlsTests.ConnectAsync_by_TLS_to_a_server_without_it_fails"),
        new("6455 4.1 certificate", Side.Client, "A certificate that does not hold fails the connection.",
            "ConnectTlsTests.ConnectAsync_by_TLS_checks_the_certificate"),
        new("6455 4.1 SNI", Side.Client, "TLS names the server.", "ConnectTlsTests.ConnectAsync_by_TLS_names_the_server_always"),
        new("6455 4.1 proxy", Side.Client, "A proxy that is configured is asked with CONNECT.",
            "ProxyTests.Http_proxy_tunnels_by_CONNECT", "ProxyTests.Proxy_is_chosen_by_the_address_and_bypassed_where_it_says_so"),
        new("6455 4.1 request is HTTP", Side.Client, "The request is a valid GET of HTTP/1.1.", Request, RequestOnTheWire,
            "RequestHeadTests.ToBytes_then_TryParse_gives_the_same_head"),
        new("6455 4.1 target", Side.Client, "The target is the resource name.", RequestOnTheWire,
            "ClientHandshakeTests.Host_or_target_that_cannot_stand_in_a_request_throws"),
        new("6455 4.1 Host", Side.Client, "Host holds the host, and the port unless it is the default.", Uris, RequestOnTheWire),
        new("6455 4.1 Upgrade", Side.Client, "Upgrade holds websocket.", Request, RequestOnTheWire),
        new("6455 4.1 Connection", Side.Client, "Connection holds Upgrade.", Request, RequestOnTheWire),
        new("6455 4.1 key of 16 bytes", Side.Client, "Sec-WebSocket-Key is the base64 of 16 bytes.", RequestOnTheWire,
            "HandshakeKeyTests.Create_of_16_bytes_is_their_base64", "HandshakeKeyTests.Create_of_another_number_of_bytes_throws"),
        new("6455 4.1 key is fresh", Side.Client, "Each connection has a key of its own, at random.", "ConnectTests.ConnectAsync_twice_sends_two_keys"),
        new("6455 4.1 version", Side.Client, "Sec-WebSocket-Version is 13.", Request, RequestOnTheWire),
        new("6455 4.1 subprotocols", Side.Client, "Subprotocols on offer are tokens, none of them twice.",
            "HeaderListTests.Subprotocol_Validate_refuses_what_cannot_be_offered"),
        new("6455 4.1 extensions", Side.Client, "Extensions on offer keep the grammar of section 9.1.", Request, Grammar),
        new("6455 4.1 own headers", Side.Client, "What the application adds does not change what the handshake writes.",
            "ClientHandshakeTests.Headers_of_the_handshake_itself_are_refused", "ConnectTests.Options_with_a_header_of_the_handshake_throw_where_they_are_set"),
        new("6455 4.1 wait", Side.Client, "Nothing follows the request until the response has come.", RequestOnTheWire),
        new("6455 4.1 not 101", Side.Client, "Any other status than 101 is HTTP's, and opens nothing.", Response,
            "ConnectTests.ConnectAsync_to_a_server_that_refuses_fails_with_its_status_headers_and_body"),
        new("6455 4.1 redirect", Side.Client, "A redirect may be followed: it is where the application says so.",
            "RedirectTests.Redirect_is_a_refusal_where_nobody_has_asked_to_follow", "RedirectTests.Location_is_followed_relative_to_the_address"),
        new("6455 4.1 401", Side.Client, "A 401 may be answered with credentials."),
        new("6455 4.1 response Upgrade", Side.Client, "A response whose Upgrade is not websocket, in any case, fails.", Response, ResponseOnTheWire),
        new("6455 4.1 response Connection", Side.Client, "A response whose Connection has no token Upgrade fails.", Response, ResponseOnTheWire),
        new("6455 4.1 response Accept", Side.Client, "A response whose Sec-WebSocket-Accept does not answer the key fails.", Response, ResponseOnTheWire,
            "HandshakeKeyTests.ComputeAccept_of_the_key_in_the_RFC_gives_its_answer"),
        new("6455 4.1 response extensions", Side.Client, "A response with an extension that was not offered fails.", Response, ResponseOnTheWire),
        new("6455 4.1 response subprotocol", Side.Client, "A response with a subprotocol that was not offered, or with several, fails.", Response,
            ResponseOnTheWire, "ClientHandshakeTests.TryAccept_of_a_subprotocol_that_nobody_asked_for_fails"),

        new("6455 4.2.1 GET", Side.Server, "What is no GET, or older than HTTP/1.1, is refused.", RequestLine, Refusals),
        new("6455 4.2.1 Host", Side.Server, "A request without a Host is refused.", OneHeader, Refusals),
        new("6455 4.2.1 Upgrade", Side.Server, "A request whose Upgrade does not name websocket, in any case, is refused.", OneHeader, Refusals),
        new("6455 4.2.1 Connection", Side.Server, "A request whose Connection does not name Upgrade is refused.", OneHeader, Refusals),
        new("6455 4.2.1 Key", Side.Server, "A request whose key is not of 16 bytes, or stands there twice, is refused.", OneHeader, Refusals,
            "HandshakeKeyTests.IsValid_wants_the_base64_of_16_bytes", "ServerHandshakeTests.TryEvaluate_with_a_header_twice_names_the_rule"),
        new("6455 4.2.1 Version", Side.Server, "A request without a version is refused.", OneHeader, Refusals),
        new("6455 4.2.1 stop", Side.Server, "After a refusal nothing more of the peer is looked at.",
            "RefusalTests.Server_given_a_refused_request_and_another_behind_it_never_looks_at_the_other"),
        new("6455 4.2.1 unknown headers", Side.Server, "Headers that mean nothing here are let through.",
            "ServerHandshakeTests.TryEvaluate_with_a_harmless_line_more_accepts", "ServerHandshakeTests.TryEvaluate_of_an_unusual_but_valid_request_accepts"),
        new("6455 4.2.2 TLS", Side.Server, "Under TLS everything, the handshake too, goes through it.", "ServerTlsTests.Server_with_TLS_echoes_refuses_and_says_good_bye",
            "ServerTlsTests.Server_with_TLS_given_plain_HTTP_or_rubbish_ends_that_connection_and_serves_the_next"),
        new("6455 4.2.2 version unknown", Side.Server, "A version that is not spoken is answered with 426 and those that are.", OneHeader, Refusals),
        new("6455 4.2.2 origin", Side.Server, "An origin that is not welcome is answered with 403.", "OriginPolicyTests.Server_checks_the_origin_before_it_switches",
            "OriginPolicyTests.Check_of_an_origin_allows_the_same_and_the_listed", Refusals),
        new("6455 4.2.2 resource", Side.Server, "A path that leads nowhere is answered with 404.", Refusals),
        new("6455 4.2.2 subprotocol", Side.Server, "The subprotocol is one that the client offered, or the header is left out.", Offered,
            "UpgradeRequestTests.Server_selects_a_subprotocol_by_list_or_the_first", "HeaderListTests.Subprotocol_Select_takes_the_first_of_the_client"),
        new("6455 4.2.2 extensions", Side.Server, "Extensions are accepted from the client's list alone.", Offered),
        new("6455 4.2.2 response", Side.Server, "The response is 101 with Upgrade, Connection and the answer to the key.", Switching,
            "HandshakeKeyTests.ComputeAccept_of_the_key_in_the_RFC_gives_its_answer"),
        new("6455 4.4 versions", Side.Both, "A server that does not speak the version of the request lists those that it speaks.", OneHeader,
            "ServerHandshakeTests.Refusal_of_a_fault_has_status_headers_and_a_plain_body"),

        new("6455 5.8 negotiated", Side.Both, "Nothing of an extension is used that was not negotiated.", Offered, Response,
            "FrameRulesTests.Check_of_each_first_byte_and_mask_bit_gives_the_rule_it_breaks"),
        new("6455 9.1 grammar", Side.Both, "A header of extensions that breaks the grammar fails at once; a quoted value holds a token.", Grammar, OneHeader,
            Response, "HandshakeProperties.ExtensionHeader_written_then_read_is_the_same"),

        new("6455 10.2 origin", Side.Server, "A server meant for some sites checks where a request comes from.",
            "OriginPolicyTests.Check_of_an_origin_allows_the_same_and_the_listed", "OriginPolicyTests.Check_of_two_origins_refuses_even_where_both_are_the_same"),
        new("6455 10.6 TLS", Side.Both, "TLS is there for both roles.", "ServerTlsTests.Server_with_TLS_echoes_refuses_and_says_good_bye",
            "ConnectTlsTests.ConnectAsync_by_TLS_to_a_server_that_is_trusted_echoes"),
        new("6455 10.7 input of the handshake", Side.Both, "Whatever comes in the handshake is checked.", "HandshakeProperties.Parsers_given_any_bytes_never_throw",
            "FuzzTests.Fresh_requests_to_upgrade_are_answered_as_the_model_says", "RefusalTests.Server_given_many_mutated_heads_still_serves", "ServerHandshakeTests.TryEvaluate_of_mutated_heads_never_throws"),

        new("9110 7.8 HTTP/1.0", Side.Server, "Upgrade in HTTP/1.0 is not heard.", RequestLine, Refusals),
        new("9110 7.8 Connection", Side.Both, "Who sends Upgrade names it in Connection.", Request, Switching,
            "ServerHandshakeTests.Refusal_of_a_fault_has_status_headers_and_a_plain_body"),
        new("9110 15.5.22 426", Side.Server, "A 426 says with Upgrade what it wants.", Refusals,
            "ServerHandshakeTests.Refusal_of_a_fault_has_status_headers_and_a_plain_body"),
        new("9110 8.6 no length", Side.Server, "A response of 1xx has neither Content-Length nor Transfer-Encoding.", Switching, Offered),
        new("9112 5.1 names", Side.Both, "A header whose name is no token, or has space before its colon, is refused.", MalformedHeads, ResponseOnTheWire, Refusals),
        new("9112 5.2 folding", Side.Both, "A header line that begins with space is refused.", MalformedHeads, Refusals),
        new("9112 2.2 lines", Side.Both, "A bare CR or LF is refused.", MalformedHeads, Refusals,
            "HandshakeProperties.Heads_written_from_any_strings_hold_no_line_that_was_not_added"),
        new("9112 6.1 smuggling", Side.Server, "A request with Transfer-Encoding and Content-Length is refused, and the connection ended.", Refusals,
            "ServerHandshakeTests.TryEvaluate_with_a_header_twice_names_the_rule"),
        new("9112 3.2 one Host", Side.Server, "A request with more than one Host, or one that is none, is refused.", OneHeader, Refusals,
            "ServerHandshakeTests.TryEvaluate_with_a_header_twice_names_the_rule"),
        new("9112 3.2.2 absolute target", Side.Server, "A target that is a URI is taken where it names this host.",
            "ServerHandshakeTests.TryEvaluate_with_a_target_that_names_the_host_accepts", RequestLine),
    ];
}
