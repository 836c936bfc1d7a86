namespace Sockeye.Tests.Rules;

/// <summary>What RFC 7692 demands.</summary>
internal static class CompressionRequirements
{
    private const string Accept = "DeflateOfferTests.TryAccept_of_offers_answers_the_first_that_is_acceptable";
    private const string Agree = "DeflateOfferTests.TryAgree_to_a_response_agrees_or_says_what_is_wrong";
    private const string Offer = "DeflateOfferTests.Offer_of_each_wish_says_so_and_is_acceptable";
    private const string Keeps = "DeflateOfferTests.TryAgree_gives_what_each_side_keeps";
    private const string Replay = "ReplayTests.Session_cut_in_any_way_gives_the_same_events";
    private const string Fuzzing = "FuzzTests.Hundred_thousand_fresh_sessions_agree_with_the_model";
    private const string Contexts = "DeflatedSendTests.Context_that_is_kept_makes_a_repetition_small_and_one_that_is_not_does_not";
    private const string Ways = "DeflatedSendTests.Every_way_of_sending_gives_one_compressed_message";

    public static Requirement[] All =>
    [
        new("7692 5 response", Side.Client, "A response with an extension that was not offered, or with wrong parameters, fails the connection.", Agree,
            "ClientHandshakeTests.TryAccept_of_a_response_opens_or_names_the_rule"),
        new("7692 5 first", Side.Server, "The first offer that is acceptable counts, and no other.", Accept),
        new("7692 6 first frame", Side.Both, "RSV1 is set on the first frame of a compressed message alone.", Replay, Fuzzing,
            "DeflatedSendTests.Fragments_keep_their_size_and_the_first_one_alone_has_RSV1"),
        new("7692 6 no RSV1 elsewhere", Side.Both, "RSV1 on a control frame or a continuation fails the connection.", Replay, Fuzzing,
            "FrameRulesTests.Check_of_each_first_byte_and_mask_bit_gives_the_rule_it_breaks"),
        new("7692 6 rules of the message", Side.Both, "Text is judged by what it inflates to, and so is the size of a message.", Replay, Fuzzing,
            "AssemblerMemoryTests.Message_of_1_KiB_that_inflates_to_1_MiB_and_more_stops_a_byte_beyond_the_limit"),
        new("7692 6 uncompressed", Side.Both, "Messages that are not compressed may come at any time.", Replay, Fuzzing,
            "DeflatedSendTests.Uncompressed_messages_in_between_do_not_touch_the_context"),
        new("7692 6 control", Side.Both, "Control frames are never compressed.", "DeflatedSendTests.S5_Pings_pass_between_the_pieces_of_a_large_compressed_message", Fuzzing),
        new("7692 7 decline", Side.Server, "An offer with an unknown, wrong or repeated parameter, or with what cannot be done, is declined.", Accept,
            "DeflateOfferTests.TryAccept_by_a_server_that_cannot_limit_its_window_declines_what_asks_for_it"),
        new("7692 7 fail", Side.Client, "A response with an unknown, wrong or repeated parameter, or with what cannot be done, fails the connection.", Agree),
        new("7692 7.1.1.1 server_no_context_takeover", Side.Server, "What asks for it is accepted only with it, and then no context is kept.", Accept, Keeps, Contexts),
        new("7692 7.1.1.2 client_no_context_takeover", Side.Client, "A client to which the server says it keeps no context.", Agree, Keeps, Contexts),
        new("7692 7.1.2 bits", Side.Both, "A window is 8 to 15, without a leading zero.", Accept, Agree),
        new("7692 7.1.2.1 server_max_window_bits", Side.Server, "The server agrees to no larger window than it is asked for.", Accept, Offer),
        new("7692 7.1.2.1 unkept", Side.Client, "A larger window in the response than was asked for fails the connection.", Agree),
        new("7692 7.1.2.2 client_max_window_bits", Side.Server, "It is in the response only where it was in the offer, with a value that is no larger.", Accept),
        new("7692 7.1.2.2 not offered", Side.Client, "In a response to an offer without it, it fails the connection.",
            "DeflateOfferTests.TryAgree_to_a_window_of_the_client_that_it_did_not_offer_to_limit_fails", Agree),
        new("7692 7.1.2 window", Side.Both, "Nobody compresses with a larger window than was agreed.", "DeflatedSendTests.Distances_stay_within_the_window_that_was_agreed_on"),
        new("7692 7.2.1 compress", Side.Both, "A message ends with an empty block, whose last four bytes are left away.", Ways, Contexts,
            "DeflatedSendTests.Streamed_message_decides_with_its_first_piece"),
        new("7692 7.2.2 decompress", Side.Both, "The receiver adds these bytes and inflates; blocks of any kind, BFINAL too, in any fragments.", Replay, Fuzzing),
        new("7692 7.2.2 context", Side.Both, "A message may refer to those before it, unless it was agreed that it does not.", Replay, Fuzzing),
    ];
}
