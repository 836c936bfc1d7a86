namespace Sockeye.Tests.Rules;

/// <summary>What RFC 7692 demands.</summary>
internal static class CompressionRequirements
{
    private const string Accept = "DeflateNegotiationTests.TryAccept_answers_with_what_both_can_keep";
    private const string First = "DeflateNegotiationTests.TryAccept_takes_the_first_offer_that_it_can";
    private const string Wrong = "DeflateNegotiationTests.Parameters_that_are_not_valid_are_declined_by_a_server_and_fail_a_client";
    private const string Agree = "DeflateNegotiationTests.TryAgree_holds_the_server_to_what_was_offered";
    private const string Pairs = "DeflateNegotiationTests.Each_pair_of_wishes_is_declined_or_agreed_the_same_on_both_sides";
    private const string Replay = "ReplayTests.Session_cut_in_any_way_gives_the_same_events";
    private const string Fuzzing = "FuzzTests.Hundred_thousand_fresh_sessions_agree_with_the_model";
    private const string Contexts = "DeflatedSendTests.Context_that_is_kept_makes_a_repetition_small_and_one_that_is_not_does_not";
    private const string Ways = "DeflatedSendTests.Every_way_of_sending_gives_one_compressed_message";

    public static Requirement[] All =>
    [
        new("7692 5 response", Side.Client, "A response with an extension that was not offered, or with wrong parameters, fails the connection.", Agree, Wrong,
            "ClientHandshakeTests.TryAccept_of_a_response_opens_or_names_the_rule"),
        new("7692 5 first", Side.Server, "The first offer that is acceptable counts, and no other.", First),
        new("7692 6 first frame", Side.Both, "RSV1 is set on the first frame of a compressed message alone.", Replay, Fuzzing,
            "DeflatedSendTests.Fragments_keep_their_size_and_the_first_one_alone_has_RSV1"),
        new("7692 6 no RSV1 elsewhere", Side.Both, "RSV1 on a control frame or a continuation fails the connection.", Replay, Fuzzing,
            "FrameRulesTests.Check_of_each_first_byte_and_mask_bit_gives_the_rule_it_breaks"),
        new("7692 6 rules of the message", Side.Both, "Text is judged by what it inflates to, and so is the size of a message.", Replay, Fuzzing,
            "AssemblerMemoryTests.Message_of_1_KiB_that_inflates_to_1_MiB_and_more_stops_a_byte_beyond_the_limit"),
        new("7692 6 uncompressed", Side.Both, "Messages that are not compressed may come at any time.", Replay, Fuzzing,
            "DeflatedSendTests.Uncompressed_messages_in_between_do_not_touch_the_context"),
        new("7692 6 control", Side.Both, "Control frames are never compressed.", "DeflatedQueueTests.S5_Pings_pass_between_the_pieces_of_a_large_compressed_message", Fuzzing),
        new("7692 7 decline", Side.Server, "An offer with an unknown, wrong or repeated parameter, or with what cannot be done, is declined.", Wrong,
            "DeflateNegotiationTests.Server_that_cannot_limit_its_window_declines_to"),
        new("7692 7 fail", Side.Client, "A response with an unknown, wrong or repeated parameter, or with what cannot be done, fails the connection.", Wrong, Agree),
        new("7692 7.1.1.1 server_no_context_takeover", Side.Server, "What asks for it is accepted only with it, and then no context is kept.", Accept, Pairs, Contexts,
            "RoundTripTests.Message_without_context_refers_to_nothing_before_it"),
        new("7692 7.1.1.2 client_no_context_takeover", Side.Client, "A client to which the server says it keeps no context.", Agree, Pairs, Contexts),
        new("7692 7.1.2 bits", Side.Both, "A window is 8 to 15, without a leading zero.", Wrong, "DeflateNegotiationTests.Window_that_does_not_exist_throws"),
        new("7692 7.1.2.1 server_max_window_bits", Side.Server, "The server agrees to no larger window than it is asked for.", Accept, Pairs),
        new("7692 7.1.2.1 unkept", Side.Client, "A larger window in the response than was asked for fails the connection.", Agree),
        new("7692 7.1.2.2 client_max_window_bits", Side.Server, "It is in the response only where it was in the offer, with a value that is no larger.", Accept),
        new("7692 7.1.2.2 not offered", Side.Client, "In a response to an offer without it, it fails the connection.", Agree),
        new("7692 7.1.2 window", Side.Both, "Nobody compresses with a larger window than was agreed.", "DeflatedSendTests.Distances_stay_within_the_window_that_was_agreed_on",
            "RoundTripTests.Distances_stay_within_the_window_at_every_level"),
        new("7692 7.2.1 compress", Side.Both, "A message ends with an empty block, whose last four bytes are left away.", Ways, Contexts,
            "DeflatedSendTests.Streamed_message_decides_with_its_first_piece"),
        new("7692 7.2.2 decompress", Side.Both, "The receiver adds these bytes and inflates; blocks of any kind, BFINAL too, in any fragments.", Replay, Fuzzing,
            "InflaterTests.Message_in_any_pieces_and_any_room_is_what_the_RFC_says", "RoundTripTests.Random_messages_over_random_settings_come_out_as_they_went_in"),
        new("7692 7.2.2 context", Side.Both, "A message may refer to those before it, unless it was agreed that it does not.", Replay, Fuzzing,
            "InflaterTests.Window_is_kept_where_it_was_agreed_and_only_there"),
    ];
}
