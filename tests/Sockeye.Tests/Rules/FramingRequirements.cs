namespace Sockeye.Tests.Rules;

/// <summary>What RFC 6455, sections 5, 6, 8 and 10, demand of frames and messages.</summary>
internal static class FramingRequirements
{
    private const string Fault = "BadInputTests.Fault_ends_with_its_code_on_the_wire_and_its_rule_for_the_application";
    private const string FirstByte = "FrameRulesTests.Check_of_each_first_byte_and_mask_bit_gives_the_rule_it_breaks";
    private const string Lengths = "FrameRulesTests.Check_of_each_length_gives_the_rule_it_breaks";
    private const string Replay = "ReplayTests.Session_cut_in_any_way_gives_the_same_events";
    private const string Fuzzing = "FuzzTests.Hundred_thousand_fresh_sessions_agree_with_the_model";
    private const string Echo = "EchoTests.Echo_of_messages_of_many_sizes_returns_them";
    private const string Keys = "ControlLaneTests.Masks_of_a_client_are_fresh_for_each_frame_and_come_from_the_source";
    private const string Order = "SendOrderTests.S3_Messages_of_all_kinds_leave_in_the_order_of_the_calls";

    public static Requirement[] All =>
    [
        new("6455 5.1 client masks", Side.Client, "Every frame is masked, over TLS too.", Echo, Fuzzing,
            "SendLevelTests.S2_SendAsync_of_a_client_masks_and_leaves_the_payload_as_it_is", "ConnectTlsTests.ConnectAsync_by_TLS_to_a_server_that_is_trusted_echoes"),
        new("6455 5.1 server closes on unmasked", Side.Server, "A frame that is not masked closes the connection.", Fault, FirstByte),
        new("6455 5.1 server masks nothing", Side.Server, "No frame is masked.", Echo, Fuzzing),
        new("6455 5.1 client closes on masked", Side.Client, "A frame that is masked closes the connection.", Fault, FirstByte),
        new("6455 5.1 when", Side.Both, "Data frames leave after the handshake and before the Close of this side.",
            "SendOrderTests.Sends_while_our_Close_is_queued_are_refused", Fuzzing),

        new("6455 5.2 RSV", Side.Both, "A reserved bit that no extension uses fails the connection.", Fault, FirstByte),
        new("6455 5.2 opcode", Side.Both, "An opcode that is not known fails the connection.", Fault, FirstByte),
        new("6455 5.2 2^63", Side.Both, "The highest bit of a length of 64 bits is 0.", Fault, Lengths),
        new("6455 5.2 shortest", Side.Both, "A length has the shortest form.", "FrameWriterTests.WriteHeader_of_each_length_takes_the_shortest_form", Lengths, Fault),

        new("6455 5.3 fresh keys", Side.Client, "Each frame has a key of its own.", Keys),
        new("6455 5.3 strong keys", Side.Client, "Keys come from a strong source and cannot be foreseen.",
            "MaskKeysTests.Keys_come_from_the_cryptographic_generator_alone", "MaskKeysTests.Keys_of_many_threads_are_all_different"),
        new("6455 5.3 mask", Side.Both, "Byte i is XORed with byte i mod 4 of the key.", "MaskingTests.Apply_of_each_length_and_alignment_equals_the_loop_of_the_RFC"),

        new("6455 5.4 whole control frames", Side.Both, "A control frame is never fragmented.", Fault, FirstByte,
            "FrameWriterTests.WriteFrame_of_what_no_control_frame_may_be_throws"),
        new("6455 5.4 control between fragments", Side.Both, "Control frames in the middle of a message are handled.", Replay,
            "InputTests.R7_Large_fragments_with_control_frames_between_arrive_whole", "ReadAheadTests.R4_Pings_are_answered_and_pongs_matched_while_nobody_reads"),
        new("6455 5.4 fragments in order", Side.Both, "Fragments leave in order, the first one with the type, the last one with FIN.",
            "ControlLaneTests.S4_Messages_above_FragmentSize_leave_as_fragments", "StreamedMessageTests.S8_Pieces_leave_as_one_fragment_each"),
        new("6455 5.4 no interleaving", Side.Both, "Fragments of two messages do not mix.", Fault, Fuzzing,
            "StreamedMessageTests.S8_Other_messages_queue_behind_it_and_control_frames_pass", "SendStressTests.S3_Messages_of_64_concurrent_senders_arrive_whole_and_in_the_order_of_each"),
        new("6455 5.4 both ways", Side.Both, "Messages are taken whole and in fragments of any number, empty ones too.", Replay, Fuzzing),
        new("6455 5.4 type", Side.Both, "The type of a message is that of its first frame.", Replay, Fuzzing),
        new("6455 5.4 continuation", Side.Both, "A continuation without a beginning fails the connection.", Fault),

        new("6455 5.5 125 bytes", Side.Both, "A control frame carries 125 bytes at most.", Fault, FirstByte,
            "ControlLaneTests.S6_Control_payloads_above_125_bytes_throw_at_the_call", "FrameWriterTests.WriteFrame_of_what_no_control_frame_may_be_throws"),
        new("6455 5.5.2 answer", Side.Both, "A ping is answered with a pong, unless the Close of the peer has come.", Fuzzing,
            "ControlLaneTests.S6_Ten_pings_below_the_high_water_mark_get_ten_pongs", "PeerCloseTests.C1_Receiving_stops_at_once_with_the_close"),
        new("6455 5.5.3 same payload", Side.Both, "A pong carries the payload of its ping.", Fuzzing, "ControlLaneTests.S6_Ten_pings_above_the_high_water_mark_get_the_newest_ones_pong"),
        new("6455 5.5.3 unsolicited", Side.Both, "A pong that nobody asked for is taken and not answered.", Fuzzing, Replay),

        new("6455 5.6 text", Side.Both, "A text message as a whole is UTF-8.", Fault, "SendOrderTests.S3_Text_that_is_not_UTF8_is_refused_at_the_call_and_nothing_is_sent",
            "StreamedMessageTests.S8_Text_may_break_inside_a_character_and_must_end_with_a_whole_one"),

        new("6455 6.1 open", Side.Both, "Who sends is OPEN; otherwise nothing is sent.", "SendOrderTests.Sends_while_our_Close_is_queued_are_refused",
            "SendOrderTests.Sends_after_the_end_carry_the_account_of_it"),
        new("6455 6.1 frames", Side.Both, "A message leaves in frames with its opcode, FIN on the last, masked by a client.", Order, Echo,
            "FrameWriterTests.WriteFrame_then_TryReadFrame_gives_the_same_frame"),
        new("6455 6.2 receive", Side.Both, "Frames are parsed, a server unmasks, fragments are put together.", Replay, Fuzzing, Echo),

        new("6455 8.1 invalid text", Side.Both, "Bytes that are no UTF-8 fail the connection.", Fault,
            "BadInputTests.Wrong_UTF8_at_every_position_and_split_is_1007_as_soon_as_it_has_come", "ReplayTests.Samples_of_UTF8_cut_in_any_way_give_the_same_events"),
        new("6455 10.3 payload stands", Side.Client, "The payload of a frame does not change once it has begun to leave.",
            "SendLevelTests.S2_SendAsync_of_up_to_16_KiB_copies_and_completes_at_once", "SendLevelTests.S2_SendAsync_of_a_client_masks_and_leaves_the_payload_as_it_is",
            "MaskingTests.Apply_in_pieces_with_their_phase_equals_the_whole"),
        new("6455 10.4 limits", Side.Both, "The size of frames and messages is limited.", "BadInputTests.R7_Limits_are_inclusive",
            "BadInputTests.R7_Default_limits_are_16_MiB_and_131_072_fragments", "AssemblerMemoryTests.Header_that_declares_16_MiB_with_little_behind_it_rents_little"),
        new("6455 10.7 input", Side.Both, "Whatever comes is checked, and who breaks a rule is told with a Close.", Fault, Fuzzing,
            "BadInputTests.Random_bytes_end_with_a_close_or_an_end_and_leak_nothing"),
    ];
}
