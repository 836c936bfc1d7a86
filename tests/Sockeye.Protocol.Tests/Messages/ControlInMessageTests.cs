using System.Text;
using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Every kind of control frame, right and wrong, in every place of a message, compressed or not, whole and byte by byte: it has
/// a state of its own. Row V07 of the attack catalogue.</summary>
public sealed class ControlInMessageTests
{
    private const int MostFragments = 4;

    private static readonly byte[] Body = Encoding.UTF8.GetBytes("a message of some length, with é and € and 𝄞 in it");

    private static readonly (string Name, byte First, byte[] Payload, Framing.Wire.LengthForm Form, Seen Gives)[] Controls =
    [
        ("ping", 0x89, [], default, Seen.Ping([])),
        ("ping of 125", 0x89, SessionTable.Bytes(125), default, Seen.Ping(SessionTable.Bytes(125))),
        ("ping of compressed data", 0x89, [0xF2, 0x48, 0xCD], default, Seen.Ping([0xF2, 0x48, 0xCD])),
        ("pong", 0x8A, [0xFF], default, Seen.Pong([0xFF])),
        ("close", 0x88, [0x03, 0xE8], default, Seen.Close([0x03, 0xE8])),
        ("ping with RSV1", 0xC9, [1], default, Seen.Broken(Rule.Rsv1MustBeClear)),
        ("pong with RSV2", 0xAA, [], default, Seen.Broken(Rule.ReservedBitsMustBeClear)),
        ("fragmented ping", 0x09, [1], default, Seen.Broken(Rule.ControlFrameMustNotBeFragmented)),
        ("fragmented close", 0x08, [], default, Seen.Broken(Rule.ControlFrameMustNotBeFragmented)),
        ("ping of 126", 0x89, SessionTable.Bytes(126), default, Seen.Broken(Rule.ControlFrameMustBeShort)),
        ("ping with a 16-bit length", 0x89, [1, 2], Framing.Wire.LengthForm.Bits16, Seen.Broken(Rule.ControlFrameMustBeShort)),
        ("pong with a 64-bit length", 0x8A, [], Framing.Wire.LengthForm.Bits64, Seen.Broken(Rule.ControlFrameMustBeShort)),
        ("reserved control", 0x8B, [], default, Seen.Broken(Rule.OpcodeMustBeKnown)),
    ];

    [Theory]
    [InlineData(Role.Server, false)]
    [InlineData(Role.Server, true)]
    [InlineData(Role.Client, false)]
    [InlineData(Role.Client, true)]
    public void V07_Control_frame_in_any_place_of_a_message_is_judged_by_itself(Role receiver, bool isCompressed)
    {
        var pool = new CountingPool(trace: false);
        int played = 0;
        for (int fragments = 1; fragments <= MostFragments; fragments++)
        {
            for (int place = 0; place <= fragments; place++)
            {
                foreach (var control in Controls)
                {
                    Session session = Write(fragments, place, control, isCompressed);
                    byte[] wire = session.ToBytes(receiver);
                    foreach (int[] ends in (int[][])[[wire.Length], [.. Enumerable.Range(1, wire.Length)]])
                    {
                        IReadOnlyList<Seen> seen = Player.Play(
                            receiver, wire, ends, pool: pool, inflater: isCompressed ? new NaiveMessageInflater(takesOver: true) : null);
                        if (!session.Expected.SequenceEqual(seen))
                            Assert.Fail($"{session.Name}: {string.Join("; ", seen)} instead of {string.Join("; ", session.Expected)}");
                        played++;
                    }
                }
            }
        }

        Assert.Equal(2 * Controls.Length * (2 + 3 + 4 + 5), played);
    }

    // A message in so many fragments, the control frame before one of them or behind the last, and another message that refers to the first.
    private static Session Write(
        int fragments, int place, (string Name, byte First, byte[] Payload, Framing.Wire.LengthForm Form, Seen Gives) control, bool isCompressed)
    {
        using var context = new SampleDeflater();
        byte[] body = isCompressed ? context.Next(Body) : Body;
        byte[] again = isCompressed ? context.Next(Body) : Body;
        int rsv1 = isCompressed ? 0x40 : 0;
        var session = new Session($"{control.Name} before fragment {place} of {fragments}, compressed: {isCompressed}");
        for (int i = 0; i < fragments; i++)
        {
            if (i == place)
                session.Frame(control.First, control.Payload, control.Form);
            int first = (i == fragments - 1 ? 0x80 : 0) | (i == 0 ? rsv1 | 1 : 0);
            session.Frame((byte)first, body[(i * body.Length / fragments)..((i + 1) * body.Length / fragments)]);
        }

        if (place == fragments)
            session.Frame(control.First, control.Payload, control.Form);
        session.Frame((byte)(0x81 | rsv1), again);

        Seen seen = control.Gives;
        Seen[] messages = [Seen.Text(Body), Seen.Text(Body)];
        return session.Gives(place == fragments ? [messages[0], seen] : [seen]).Gives(seen.IsEnd ? [] : messages[(place == fragments ? 1 : 0)..]);
    }
}
