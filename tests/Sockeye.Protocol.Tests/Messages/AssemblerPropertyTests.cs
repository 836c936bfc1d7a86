using System.Text;
using Sockeye.Protocol.Tests.Framing;
using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Random sessions, sound and broken, and random bytes: the assembler agrees with <see cref="NaiveReceiver"/> however the
/// bytes are cut, never throws, and rents in proportion (<see cref="Player"/> looks at that).</summary>
public sealed class AssemblerPropertyTests
{
    private const int Seed = 2_026;

    private static readonly ProtocolLimits[] Limits =
    [
        ProtocolLimits.Default,
        new() { MaxMessageSize = 200, MaxFragments = 4 },
        new() { MaxMessageSize = 0, MaxFragments = 0, SkipUtf8Validation = true },
        new() { MaxMessageSize = 1, MaxFragments = 1 },
    ];

    private static readonly byte[] FirstBytes = [0x01, 0x02, 0x81, 0x82, 0x88, 0x89];

    private readonly CountingPool _pool = new(trace: false);

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public void Random_session_however_cut_agrees_with_the_letter_of_the_RFC(Role receiver) =>
        Run(receiver, 5_000, random => RandomSession(random, receiver));

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public void Mutated_session_however_cut_agrees_with_the_letter_of_the_RFC(Role receiver) =>
        Run(receiver, 10_000, random => Mutate(random, RandomSession(random, receiver)));

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public void Random_bytes_however_cut_agree_with_the_letter_of_the_RFC(Role receiver) =>
        Run(receiver, 30_000, random =>
        {
            byte[] bytes = new byte[random.Next(1, 40)];
            random.NextBytes(bytes);
            // Mostly beyond the first two bytes: the bits that end most random sessions are right.
            if (random.Next(8) > 0)
            {
                bytes[0] = random.Next(8) == 0 ? (byte)(bytes[0] & 0x8F) : FirstBytes[random.Next(FirstBytes.Length)];
                if (bytes.Length > 1)
                    bytes[1] = (byte)((receiver == Role.Server ? 0x80 : 0) | (random.Next(4) > 0 ? random.Next(12) : bytes[1] & 0x7F));
            }

            return bytes;
        });

    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Client, true)]
    public void Compressed_session_however_cut_agrees_with_the_letter_of_the_RFC(Role receiver, bool takesOver) =>
        Run(receiver, 1_000, random => RandomSession(random, receiver, takesOver), takesOver);

    [Theory]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, false)]
    public void Mutated_compressed_session_however_cut_agrees_with_the_letter_of_the_RFC(Role receiver, bool takesOver) =>
        Run(receiver, 3_000, random => Mutate(random, RandomSession(random, receiver, takesOver)), takesOver);

    // Whatever the first two bytes are, they are judged the same alone and with all that may follow them.
    [Theory]
    [InlineData(Role.Server, null)]
    [InlineData(Role.Client, null)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, true)]
    public void Each_first_two_bytes_alone_or_inside_a_message_are_judged_at_once(Role receiver, bool? takesOver)
    {
        byte[]? key = receiver == Role.Server ? [1, 2, 3, 4] : null;
        foreach (byte[] before in (byte[][])[[], Wire.Frame(0x01, "a"u8, key), Wire.Frame(0x02, [], key)])
        {
            for (int pair = 0; pair < 65_536; pair++)
            {
                byte[] wire = [.. before, (byte)(pair >> 8), (byte)pair];
                IReadOnlyList<Seen> expected = NaiveReceiver.Read(receiver, wire, ProtocolLimits.Default, takesOver);
                IReadOnlyList<Seen> seen = Player.Play(receiver, wire, [wire.Length], pool: _pool, inflater: Inflater(takesOver));
                if (!expected.SequenceEqual(seen))
                    Assert.Fail($"{Convert.ToHexStringLower(wire)}: {string.Join("; ", seen)} instead of {string.Join("; ", expected)}");
            }
        }
    }

    private static NaiveMessageInflater? Inflater(bool? takesOver) => takesOver is { } keeps ? new(keeps) : null;

    private void Run(Role receiver, int rounds, Func<Random, byte[]> make, bool? takesOver = null)
    {
        for (int round = 0; round < rounds; round++)
        {
            var random = new Random(Seed + round);
            byte[] wire = make(random);
            ProtocolLimits limits = Limits[random.Next(4) == 0 ? random.Next(Limits.Length) : 0];
            IReadOnlyList<Seen> expected = NaiveReceiver.Read(receiver, wire, limits, takesOver);
            Check([wire.Length], 0);
            Check([.. Enumerable.Range(1, wire.Length)], 0);
            for (int i = 0; i < 3; i++)
            {
                List<int> ends = [];
                int piece = random.Next(1, 200);
                for (int at = random.Next(piece + 1); at < wire.Length; at += random.Next(1, piece + 1))
                    ends.Add(at);
                Check([.. ends, wire.Length], i == 2 ? random.Next(1, 50) : 0);
            }

            void Check(int[] ends, int directMinimum)
            {
                CheckRead(ends, directMinimum, inPieces: false);
                if (directMinimum == 0)
                    CheckRead(ends, directMinimum, inPieces: true);
            }

            void CheckRead(int[] ends, int directMinimum, bool inPieces)
            {
                IReadOnlyList<Seen> seen = [];
                try
                {
                    seen = Player.Play(receiver, wire, ends, limits, directMinimum, _pool, Inflater(takesOver), inPieces);
                }
                catch (Exception e) when (e is not Xunit.Sdk.XunitException)
                {
                    Fail(e.ToString());
                }

                if (!expected.SequenceEqual(seen))
                    Fail($"{string.Join("; ", seen)} instead of {string.Join("; ", expected)}");

                void Fail(string what) =>
                    Assert.Fail($"{what} (seed {Seed + round}, cut at {string.Join(", ", ends)}, direct {directMinimum}, in pieces {inPieces}, {limits}: "
                        + $"{Convert.ToHexStringLower(wire)})");
            }
        }
    }

    private static byte[] RandomSession(Random random, Role receiver, bool? takesOver = null)
    {
        using var context = new SampleDeflater();
        List<byte> wire = [];
        int messages = random.Next(1, 5);
        for (int i = 0; i < messages; i++)
        {
            bool isText = random.Next(2) == 0;
            byte[] payload = isText ? RandomText(random) : RandomBytes(random, Length(random));
            int rsv1 = takesOver is not null && random.Next(4) > 0 ? 0x40 : 0;
            if (rsv1 != 0)
                payload = takesOver is true ? context.Next(payload) : SampleDeflater.Deflate(payload);
            int fragments = random.Next(3) == 0 ? random.Next(2, 6) : 1;
            int start = 0;
            for (int fragment = 0; fragment < fragments; fragment++)
            {
                bool isLast = fragment == fragments - 1;
                int end = isLast ? payload.Length : random.Next(start, payload.Length + 1);
                int opcode = fragment > 0 ? 0 : rsv1 | (isText ? 1 : 2);
                Add((byte)((isLast ? 0x80 : 0) | opcode), payload[start..end]);
                start = end;
                if (random.Next(4) == 0)
                    Add((byte)(0x89 + random.Next(2)), RandomBytes(random, random.Next(126)));
            }
        }

        if (random.Next(3) == 0)
            Add(0x88, random.Next(2) == 0 ? [] : [0x03, (byte)(0xE8 + random.Next(5)), .. "bye"u8]);
        return [.. wire];

        void Add(byte first, byte[] payload) =>
            wire.AddRange(Wire.Frame(first, payload, receiver == Role.Server ? RandomBytes(random, 4) : null));
    }

    private static byte[] Mutate(Random random, byte[] wire)
    {
        List<byte> bytes = [.. wire];
        for (int i = random.Next(1, 4); i > 0 && bytes.Count > 0; i--)
        {
            int at = random.Next(random.Next(2) == 0 ? Math.Min(12, bytes.Count) : bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveAt(at);
                    break;
                case 3:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] RandomText(Random random)
    {
        var text = new StringBuilder();
        for (int length = Length(random); length > 0; length--)
        {
            text.Append(random.Next(6) switch
            {
                0 => new Rune(random.Next(0x80, 0xD800)).ToString(),
                1 => new Rune(random.Next(0xE000, 0x110000)).ToString(),
                _ => ((char)random.Next(0x80)).ToString(),
            });
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static int Length(Random random) => random.Next(20) == 0 ? random.Next(1000) : random.Next(random.Next(4) == 0 ? 140 : 12);

    private static byte[] RandomBytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
