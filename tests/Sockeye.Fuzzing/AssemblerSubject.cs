using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.Fuzzing;

/// <summary>Receives a session with the bare core of the protocol. What derives from it is broken on purpose, to prove the fuzzer.</summary>
public class AssemblerSubject
{
    // What is rented follows what was received and what that inflates to, times this and plus that.
    private const int MemoryFactor = 4;
    private const int MemoryBase = 1_100;

    // A match of 258 bytes takes two bits (RFC 1951).
    private const int MostInflation = 1_032;

    private readonly ThreadLocal<Pools> _pools = new(() => new Pools());

    /// <summary>Receives bytes that arrive in pieces with the given ends.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="wire">The bytes.</param>
    /// <param name="ends">Where each piece ends; the last one where the bytes end.</param>
    /// <param name="directMinimum">How many bytes are received directly into the assembler's memory at least; 0 for never.</param>
    /// <exception cref="UnsoundException">Something is wrong that shows without a model.</exception>
    public virtual Outcome Receive(Terms terms, byte[] wire, ReadOnlySpan<int> ends, int directMinimum)
    {
        Pools pools = _pools.Value!;
        CountingPool pool = pools.Arrays;
        var outcome = new Outcome();
        byte[] buffer = [.. wire];
        List<byte> pieces = [];
        using (var assembler = new MessageAssembler(terms.Receiver, MakeLimits(terms), pool, pools.Lend(terms, ends.Length), terms.InPieces))
        {
            int position = 0;
            foreach (int end in ends)
            {
                while (directMinimum > 0 && position < end && assembler.GetDirectBuffer(directMinimum) is { Count: > 0 } direct)
                {
                    int count = Math.Min(direct.Count, end - position);
                    buffer.AsSpan(position, count).CopyTo(direct);
                    position += count;
                    if (assembler.ReadDirect(count, out ReceivedEvent received))
                        Note(received, [], outcome, pieces, pool);
                }

                bool isEvent;
                do
                {
                    Span<byte> block = buffer.AsSpan(position, end - position);
                    isEvent = assembler.Read(block, out int consumed, out ReceivedEvent received);
                    if (isEvent)
                        Note(received, block, outcome, pieces, pool);
                    position += consumed;
                }
                while (isEvent);

                if (pool.OutstandingBytes > MemoryBase + (MemoryFactor * MemoryOf(terms, end)))
                    throw new UnsoundException($"{pool.OutstandingBytes} bytes were rented for {end} that had come.");
                if (!assembler.IsInsideMessage && outcome.Code == 0 && pool.Outstanding > 0)
                    throw new UnsoundException("Something was rented while nothing was half received.");
            }
        }

        if (pools.AreOut)
        {
            _pools.Value = new Pools();
            throw new UnsoundException("Not everything that was rented came back.");
        }

        return outcome;
    }

    protected virtual ProtocolLimits MakeLimits(Terms terms) => new()
    {
        MaxMessageSize = terms.MaxMessageSize,
        MaxFragments = terms.MaxFragments,
        SkipUtf8Validation = terms.SkipsUtf8,
    };

    /// <summary>Notes that a message, ping or pong was received.</summary>
    protected virtual void NoteItem(Outcome outcome, Item item) => outcome.Items.Add(item);

    /// <summary>Notes that a rule was broken.</summary>
    protected virtual void NoteBroken(Outcome outcome, Rule rule, int code)
    {
        outcome.Broken.Add((rule, code));
        outcome.Code = code;
    }

    private static long MemoryOf(Terms terms, int received)
    {
        if (terms.Deflate == DeflateMode.None)
            return received;
        long inflated = MostInflation * (long)received;
        return received + (terms.MaxMessageSize == 0 ? inflated : Math.Min(inflated, terms.MaxMessageSize));
    }

    private void Note(in ReceivedEvent received, ReadOnlySpan<byte> block, Outcome outcome, List<byte> pieces, CountingPool pool)
    {
        if (outcome.Code != 0)
            throw new UnsoundException($"{received.Kind} was read after the end.");

        if (received.Violation is { } violation)
        {
            NoteBroken(outcome, violation.Rule, (int)violation.CloseCode);
            return;
        }

        ReadOnlySpan<byte> payload = (received.Gathered ?? block).Slice(received.Start, received.Length);
        switch (received.Kind)
        {
            case ReceivedEventKind.Text or ReceivedEventKind.Binary:
                NotePiece(received.Kind == ReceivedEventKind.Text ? ItemKind.Text : ItemKind.Binary, received.Part, payload, outcome, pieces);
                if (received.Gathered is { } gathered)
                    pool.Return(gathered);
                break;
            case ReceivedEventKind.Ping or ReceivedEventKind.Pong:
                NoteItem(outcome, new Item(received.Kind == ReceivedEventKind.Ping ? ItemKind.Ping : ItemKind.Pong, payload.ToArray()));
                break;
            default:
                outcome.Code = payload.IsEmpty ? Outcome.NoStatus : (payload[0] << 8) | payload[1];
                outcome.Reason = payload.IsEmpty ? [] : payload[2..].ToArray();
                break;
        }
    }

    /// <summary>Notes a message once its last piece has come.</summary>
    private void NotePiece(ItemKind kind, MessagePart part, ReadOnlySpan<byte> piece, Outcome outcome, List<byte> pieces)
    {
        if ((part is MessagePart.Whole or MessagePart.First) == outcome.IsInsideMessage)
            throw new UnsoundException($"A piece is {part}, out of its turn.");
        pieces.AddRange(piece);
        outcome.IsInsideMessage = part is MessagePart.First or MessagePart.Middle;
        if (outcome.IsInsideMessage)
            return;
        NoteItem(outcome, new Item(kind, [.. pieces]));
        pieces.Clear();
    }
}

/// <summary>Where the assembler rents, on one thread.</summary>
internal sealed class Pools
{
    private readonly CodecPool<Inflater> _native = new(static () => new NativeInflater(), capacity: 1);
    private readonly CodecPool<Inflater> _managed = new(static () => new ManagedInflater(), capacity: 1);

    public CountingPool Arrays { get; } = new(trace: false);

    public bool AreOut => Arrays.Outstanding + _native.Rented + _managed.Rented > 0;

    /// <summary>Lends an inflater: one kind or the other, by how the bytes are cut.</summary>
    public IMessageInflater? Lend(Terms terms, int pieces) => terms.Deflate == DeflateMode.None
        ? null
        : new MessageInflater(pieces % 2 == 0 ? _native : _managed, terms.Deflate == DeflateMode.ContextTakeover);
}

/// <summary>Says what was wrong whatever the bytes were: memory, or what comes after the end.</summary>
public sealed class UnsoundException(string message) : Exception(message);
