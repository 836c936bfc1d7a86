namespace Sockeye.Protocol;

/// <content>The rules that show at a header: of frames, of their sequence, and of what a message may come to.</content>
public sealed partial class MessageAssembler
{
    /// <summary>Judges a header of which only a part has come: a peer that stops there is told at once.</summary>
    private Violation? JudgeEarly(ReadOnlySpan<byte> source)
    {
        if (!FrameReader.TryPeekHeader(source, out FrameHeader header, out bool lengthKnown))
            return null;

        return Judge(header, lengthKnown);
    }

    // In the order in which the bytes come, so that the first rule broken is the same however they were cut.
    private Violation? Judge(in FrameHeader header, bool lengthKnown) =>
        FrameRules.CheckFirstBytes(header, _terms.Role, rsv1Allowed: _inflater is not null)
        ?? JudgeSequence(header)
        ?? (lengthKnown ? FrameRules.CheckLength(header) ?? JudgeLimits(header) : null);

    private Violation? JudgeSequence(in FrameHeader header)
    {
        if (header.IsControl)
            return null;
        if (header.Opcode == Opcode.Continuation)
            return _message == Opcode.Continuation ? Violation.Of(Rule.ContinuationMustFollowFragment) : null;
        return _message != Opcode.Continuation ? Violation.Of(Rule.FragmentsMustNotInterleave) : null;
    }

    /// <summary>Holds the limits at the header, over all fragments, before any of the payload is taken. How large a compressed message is
    /// shows only as it is inflated.</summary>
    private Violation? JudgeLimits(in FrameHeader header)
    {
        if (header.IsControl)
            return null;

        bool continues = header.Opcode == Opcode.Continuation;
        long soFar = continues ? _gatheredLength + _handedOut : 0;
        bool isCompressed = continues ? _isCompressed : header.IsRsv1Set;
        if (!isCompressed && header.PayloadLength > (ulong)(_terms.MaxMessageSize - soFar))
            return Violation.Of(Rule.MessageMustFitLimit);
        if ((continues ? _fragments : 0) >= _terms.MaxFragments)
            return Violation.Of(Rule.FragmentsMustFitLimit);
        return null;
    }

    private ReceivedEvent Fail(Rule rule) => Fail(Violation.Of(rule));

    private ReceivedEvent Fail(Violation violation)
    {
        Dispose();
        return new ReceivedEvent(violation);
    }
}
