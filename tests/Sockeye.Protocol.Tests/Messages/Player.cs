using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Feeds bytes to an assembler as a transport would, and checks on the way what holds for any bytes.</summary>
internal sealed class Player : IDisposable
{
    private const byte Canary = 0xC3;
    private const int Margin = 8;

    private readonly MessageAssembler _assembler;
    private readonly NaiveMessageInflater? _inflater;
    private readonly long _maxMessageSize;
    private readonly List<Seen> _events = [];
    private readonly bool _inPieces;
    private readonly List<byte> _joined = [];
    private ReceivedEventKind _begun;
    private byte[] _rest = [];
    private long _fed;

    /// <summary>Makes one side of a session.</summary>
    /// <param name="inPieces">Whether messages are handed out in pieces; here they are joined again, and what was not finished is forgotten.</param>
    public Player(
        Role receiver,
        ProtocolLimits? limits = null,
        CountingPool? pool = null,
        NaiveMessageInflater? inflater = null,
        bool inPieces = false)
    {
        _inPieces = inPieces;
        // What an array can hold is the limit where messages are gathered, and none in pieces.
        if (inPieces && limits is { } set && (set.MaxMessageSize == 0 || set.MaxMessageSize > Array.MaxLength))
            limits = set with { MaxMessageSize = Array.MaxLength };
        Pool = pool ?? new CountingPool(trace: false);
        _inflater = inflater;
        _maxMessageSize = (limits ?? ProtocolLimits.Default).MaxMessageSize is > 0 and var max ? max : Array.MaxLength;
        _assembler = new MessageAssembler(receiver, limits, Pool, inflater, inPieces);
    }

    public CountingPool Pool { get; }

    public IReadOnlyList<Seen> Events => _events;

    public bool HasEnded => _events.Count > 0 && _events[^1].IsEnd;

    /// <summary>Gives the events of a session that arrives in pieces with the given ends, received directly into the assembler's
    /// memory where it offers at least so many bytes (0: never).</summary>
    public static IReadOnlyList<Seen> Play(
        Role receiver,
        ReadOnlySpan<byte> wire,
        ReadOnlySpan<int> ends,
        ProtocolLimits? limits = null,
        int directMinimum = 0,
        CountingPool? pool = null,
        NaiveMessageInflater? inflater = null,
        bool inPieces = false)
    {
        using var player = new Player(receiver, limits, pool, inflater, inPieces);
        int start = 0;
        foreach (int end in ends)
        {
            player.Feed(wire[start..end], directMinimum);
            start = end;
        }

        return player.Events;
    }

    public void Feed(ReadOnlySpan<byte> piece, int directMinimum = 0)
    {
        if (HasEnded)
        {
            CheckNothingIsRead(piece);
            return;
        }

        while (directMinimum > 0 && !piece.IsEmpty && _rest.Length == 0)
        {
            ArraySegment<byte> direct = _assembler.GetDirectBuffer(directMinimum);
            if (direct.Count == 0)
                break;
            Check(direct.Count >= directMinimum, "The direct buffer is smaller than asked for.");
            int count = Math.Min(direct.Count, piece.Length);
            piece[..count].CopyTo(direct);
            piece = piece[count..];
            _fed += count;
            if (_assembler.ReadDirect(count, out ReceivedEvent received))
                Note(received, default, count);
            CheckMemory();
        }

        if (!HasEnded)
            ReadAll(piece);
        else
            CheckNothingIsRead(piece);
    }

    public void Dispose()
    {
        _assembler.Dispose();
        Check(Pool.Outstanding == 0, "Disposed, and something is still rented.");
        Check(_inflater is not { Disposals: 0 }, "Disposed, and the inflater is not.");
        CheckNothingIsRead([0x81, 0x80, 0, 0, 0, 0]);
        _assembler.Dispose();
    }

    private void ReadAll(ReadOnlySpan<byte> piece)
    {
        _fed += piece.Length;
        byte[] original = [.. _rest, .. piece];
        byte[] array = new byte[original.Length + (2 * Margin)];
        array.AsSpan().Fill(Canary);
        Span<byte> block = array.AsSpan(Margin, original.Length);
        original.CopyTo(block);

        int position = 0;
        bool isEvent;
        do
        {
            isEvent = _assembler.Read(block[position..], out int consumed, out ReceivedEvent received);
            Check(isEvent == (received.Kind != ReceivedEventKind.None), "What Read returns is not what it gives.");
            if (isEvent)
                Note(received, block[position..], consumed);
            position += consumed;
            Check(block[position..].SequenceEqual(original.AsSpan(position)), "Bytes that were not consumed were changed.");
        }
        while (isEvent && !HasEnded);

        _rest = original[position..];
        // V05: nothing but part of a header is looked at again.
        Check(_rest.Length < FrameHeader.MaxSize || HasEnded, "More than a part of a header was left.");
        Check(!array.AsSpan(0, Margin).ContainsAnyExcept(Canary) && !array.AsSpan(Margin + block.Length).ContainsAnyExcept(Canary),
            "Bytes outside of the block were changed.");
        CheckMemory();
        if (HasEnded)
            CheckNothingIsRead(_rest);
    }

    private void Note(in ReceivedEvent received, ReadOnlySpan<byte> block, int consumed)
    {
        if (received.Violation is { } violation)
        {
            _events.Add(Seen.Broken(violation.Rule));
            Check(Pool.Outstanding == 0, "A rule was broken, and something is still rented.");
            Check(_inflater is not { Disposals: 0 }, "A rule was broken, and the inflater is still held.");
            return;
        }

        Check(received.Gathered is not null || received.Start + received.Length <= consumed, "The payload is not among what was consumed.");
        ReadOnlySpan<byte> payload = received.Gathered ?? block;
        payload = payload.Slice(received.Start, received.Length);
        bool isMessage = received.Kind is ReceivedEventKind.Text or ReceivedEventKind.Binary;
        Check(received.Part == MessagePart.Whole || (_inPieces && isMessage), "It is a piece, and none was asked for.");
        if (isMessage && _inPieces)
            Join(received, payload);
        else
            _events.Add(Seen.Of(received.Kind, payload));
        if (received.Gathered is { } gathered && received.Kind is ReceivedEventKind.Text or ReceivedEventKind.Binary)
            Pool.Return(gathered);
    }

    private void Join(in ReceivedEvent piece, ReadOnlySpan<byte> payload)
    {
        bool begins = piece.Part is MessagePart.Whole or MessagePart.First;
        bool ends = piece.Part is MessagePart.Whole or MessagePart.Last;
        Check(begins == (_begun == ReceivedEventKind.None), $"{piece.Part} does not follow what came before.");
        Check(begins || _begun == piece.Kind, "A message changed its kind.");
        Check(ends || !payload.IsEmpty, "A piece says nothing.");
        Check(ends != _assembler.IsInsideMessage, "A message has ended and has not.");
        _joined.AddRange(payload);
        _begun = ends ? ReceivedEventKind.None : piece.Kind;
        if (!ends)
            return;
        _events.Add(Seen.Of(piece.Kind, _joined.ToArray()));
        _joined.Clear();
    }

    // Nothing is rented while nothing is half received, and never much more than what was received.
    private void CheckMemory()
    {
        Check((_inflater?.Largest ?? 0) - 1 <= _maxMessageSize, "More was inflated than tells that the limit is exceeded.");
        if (HasEnded)
            return;
        if (!_assembler.IsInsideMessage)
            Check(Pool.Outstanding == 0, "Nothing is half received, and something is rented.");
        long seen = _fed + (_inflater?.Total ?? 0);
        long least = _inflater is null ? 512 : 1_100;
        Check(Pool.OutstandingBytes <= (4 * seen) + least, $"{Pool.OutstandingBytes} bytes are rented for {seen} received or inflated.");
    }

    // V10
    private void CheckNothingIsRead(ReadOnlySpan<byte> bytes)
    {
        byte[] block = bytes.ToArray();
        Check(!_assembler.Read(block, out int consumed, out ReceivedEvent received), "Something was read after the end.");
        Check(consumed == 0 && received.Kind == ReceivedEventKind.None && bytes.SequenceEqual(block), "Something was consumed after the end.");
        Check(_assembler.GetDirectBuffer(1).Count == 0, "Memory was offered after the end.");
    }

    private static void Check(bool holds, string message)
    {
        if (!holds)
            Assert.Fail(message);
    }
}
