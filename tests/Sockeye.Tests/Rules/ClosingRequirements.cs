namespace Sockeye.Tests.Rules;

/// <summary>What RFC 6455, sections 5.5.1 and 7, demand of the end.</summary>
internal static class ClosingRequirements
{
    private const string Fault = "BadInputTests.Fault_ends_with_its_code_on_the_wire_and_its_rule_for_the_application";
    private const string Codes = "BadInputTests.Close_codes_from_0_to_65535_are_valid_or_answered_with_1002";
    private const string OwnClose = "ClosingTests.C2_Close_from_this_side_is_a_whole_handshake";
    private const string PeerClose = "ClosingTests.C1_Close_from_the_peer_is_answered";
    private const string WriteCodes = "ClosePayloadTests.Write_of_each_code_takes_those_that_may_appear";
    private const string ReadCodes = "ClosePayloadTests.TryRead_of_each_code_takes_those_that_may_appear";
    private const string Fuzzing = "FuzzTests.Hundred_thousand_fresh_sessions_agree_with_the_model";

    public static Requirement[] All =>
    [
        new("6455 5.5.1 code first", Side.Both, "The body of a Close is empty or begins with a code of two bytes.", Fault,
            "ClosePayloadTests.TryRead_of_one_byte_breaks_its_rule", "ClosePayloadTests.Write_of_NoStatus_is_empty_and_has_no_reason"),
        new("6455 5.5.1 reason", Side.Both, "The reason is UTF-8.", Fault, "ClosePayloadTests.TryRead_of_a_reason_takes_valid_UTF8_only",
            "ClosePayloadTests.Write_of_a_lone_surrogate_sends_the_replacement_character"),
        new("6455 5.5.1 reason is not for users", Side.Client, "The reason is not shown to end users."),
        new("6455 5.5.1 nothing after", Side.Both, "No data leaves after a Close.", "SendOrderTests.Sends_while_our_Close_is_queued_are_refused", Fuzzing,
            "ControlLaneTests.S5_Close_goes_behind_every_accepted_message_though_pings_pass"),
        new("6455 5.5.1 answer once", Side.Both, "A Close is answered with a Close, once.", PeerClose, "ClosingTests.C2_Both_sides_close_at_once",
            "ClosingTests.C2_Close_from_many_threads_sends_one_frame_and_gives_one_account"),
        new("6455 5.5.1 end of TCP", Side.Both, "Once both have sent a Close the connection ends: the server at once, the client when the server has.", OwnClose, PeerClose,
            "CloseTimeoutTests.C3_Peer_that_never_ends_its_transport_is_given_up"),

        new("6455 7.1.1 clean end", Side.Both, "The transport ends in good order, and nothing is lost by its end.", "CloseTimeoutTests.C3_Everything_accepted_arrives_before_the_close",
            "TransportTests.Half_close_after_the_close_frame_still_lets_everything_accepted_out", "TransportTests.Tls_close_notify_is_the_last_record_before_the_end_unless_a_read_waits"),
        new("6455 7.1.2 start", Side.Both, "The handshake starts with a Close that carries the code and reason given.", OwnClose,
            "ClosingTests.C2_Close_without_a_code_sends_an_empty_frame"),
        new("6455 7.1.5 code seen", Side.Both, "The code is that of the first Close received; 1005 where it holds none, 1006 where none came.", PeerClose, Fuzzing,
            "ClosePayloadTests.TryRead_of_nothing_is_NoStatus", "ClosingTests.C5_End_without_close_is_1006_at_once"),
        new("6455 7.1.7 fail", Side.Both, "Who fails an open connection sends the code of the fault, and ends it.", Fault, Fuzzing,
            "ViolationTests.Of_each_rule_tells_section_and_close_code"),
        new("6455 7.1.7 no more data", Side.Both, "After that nothing of the peer is processed.", Fault, Replay),
        new("6455 7.2.1 lost transport", Side.Client, "Where the transport is lost the connection fails.", "ClosingTests.C5_Reset_in_the_middle_of_a_frame_is_1006_with_its_cause",
            "ClosingTests.C5_End_without_close_is_1006_at_once"),
        new("6455 7.2.3 backoff", Side.Client, "A client that connects again waits a random time, and longer each time.",
            "ReconnectPlanTests.First_delay_is_random_from_none_to_its_bound", "ReconnectPlanTests.Bound_of_the_delay_doubles_up_to_its_cap"),
        new("6455 7.4.1 never on the wire", Side.Both, "1005, 1006 and 1015 are neither sent nor taken.", WriteCodes, ReadCodes, Codes),
        new("6455 7.4.2 ranges", Side.Both, "Codes below 1000, and those that nobody has registered up to 2999, are neither sent nor taken.", WriteCodes, ReadCodes, Codes,
            "ClosingTests.C2_Codes_and_reasons_that_must_not_be_sent_throw_at_the_call"),
    ];

    private const string Replay = "ReplayTests.Session_cut_in_any_way_gives_the_same_events";
}
