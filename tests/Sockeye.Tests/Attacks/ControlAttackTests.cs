using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Attacks;

/// <summary>Masks in the wrong direction, bytes behind the end, and wrong close codes: nothing is delivered and nothing is answered that
/// must not be. Rows V09, V10 and V11 of the attack catalogue.</summary>
public sealed class ControlAttackTests
{
    private static readonly Carrier[] RealAndInMemory = [Carrier.Memory, Carrier.Socket, Carrier.Tls, Carrier.EventLoop, Carrier.EventLoopTls];

    public static TheoryData<Role, Carrier> Carried => new MatrixTheoryData<Role, Carrier>(Enum.GetValues<Role>(), RealAndInMemory);

    [Theory]
    [MemberData(nameof(Carried))]
    public async Task V09_Frame_masked_in_the_wrong_direction_reaches_no_handler(Role role, Carrier carrier)
    {
        foreach (byte first in (byte[])[0x81, 0x82, 0x01, 0x89, 0x8A, 0x88])
        {
            int calls = 0;
            await using RawPeer peer = await RawPeer.CreateAsync(carrier, role);
            Task handling = peer.Connection.RunAsync(new WebSocketHandler
            {
                Message = (_, _) =>
                {
                    calls++;
                    return default;
                },
            });
            byte[] wrong = Wire.Raw(first, "for whom?"u8, isMasked: role == Role.Client);
            await peer.SendAsync([.. wrong, .. wrong, .. peer.TextFrame("behind it")]);
            List<ReceivedFrame> sent = await peer.ReadToEndAsync();
            await peer.Transport.ShutdownAsync();
            await handling.Soon();
            Assert.Equal([(Opcode.Close, 1002)], sent.Select(frame => (frame.Opcode, frame.CloseCode)));
            Assert.Equal(0, calls);
            Assert.Equal(
                role == Role.Server ? Rule.ClientFrameMustBeMasked : Rule.ServerFrameMustNotBeMasked,
                (await peer.Connection.Closed).Violation?.Rule);
        }
    }

    [Theory]
    [MemberData(nameof(Carried))]
    public async Task V10_What_comes_behind_a_Close_or_a_violation_is_neither_delivered_nor_answered(Role role, Carrier carrier)
    {
        foreach (bool isViolation in (bool[])[false, true])
        {
            await using RawPeer peer = await RawPeer.OpenAsync(carrier, role);
            Task<List<string>> reading = EventLog.ReadEventsAsync(peer.Connection);
            byte[] end = isViolation ? Wire.Raw(0x83, [], isMasked: role == Role.Server) : peer.CloseFrame(CloseCode.GoingAway, "bye");
            byte[] behind =
            [
                .. peer.Frame(Opcode.Ping, "answer me"u8), .. peer.TextFrame("read me"), .. peer.Frame(Opcode.Pong, []),
                .. peer.CloseFrame(CloseCode.Normal, "again"), .. Wire.Raw(0xFF, new byte[200], isMasked: false),
            ];
            await peer.SendAsync([.. peer.TextFrame("before"), .. end, .. behind], behind, behind[1..]);
            List<ReceivedFrame> sent = [(await peer.ReadFrameAsync())!];
            await peer.SendAsync(behind, behind);
            await peer.Transport.ShutdownAsync();
            sent.AddRange(await peer.ReadToEndAsync());
            int code = isViolation ? 1002 : 1001;
            Assert.Equal([(Opcode.Close, code)], sent.Select(frame => (frame.Opcode, frame.CloseCode)));
            string reason = isViolation ? Violation.Of(Rule.OpcodeMustBeKnown).Message : "bye";
            Assert.Equal(["Text before", $"Close {code} {reason}"], await reading.Soon());
        }
    }

    // What the receiver makes of each code: BadInputTests; of each body: ClosePayloadTests.
    [Fact]
    public async Task V11_Close_codes_that_must_not_be_sent_throw_at_the_call_and_send_nothing()
    {
        await using RawPeer peer = RawPeer.Open();
        int refused = 0;
        for (int code = 0; code <= 65_535; code++)
        {
            if (code is >= 1000 and <= 1003 or 1005 or >= 1007 and <= 1014 or >= 3000 and <= 4999)
                continue;
            Assert.ThrowsAny<ArgumentException>(() => { _ = peer.Connection.CloseAsync((CloseCode)code); });
            refused++;
        }

        Assert.Equal(65_536 - 4 - 1 - 8 - 2000, refused);
        Assert.ThrowsAny<ArgumentException>(() => { _ = peer.Connection.CloseAsync(CloseCode.Normal, new string('x', 124)); });
        Assert.ThrowsAny<ArgumentException>(() => { _ = peer.Connection.CloseAsync(CloseCode.NoStatus, "x"); });
        Assert.True(peer.Connection.IsOpen);
        _ = peer.Connection.CloseAsync((CloseCode)4999, new string('x', 123));
        ReceivedFrame close = (await peer.ReadFrameAsync())!;
        Assert.Equal((Opcode.Close, 4999, 125), (close.Opcode, close.CloseCode, close.Payload.Length));
    }
}
