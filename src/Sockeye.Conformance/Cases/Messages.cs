using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>Makes scripts of many messages.</summary>
internal static class Messages
{
    /// <summary>Sends messages one at a time: the next one when the last one has come back.</summary>
    public static IEnumerable<CaseStep> RoundTrips(Opcode opcode, Func<int, Payload> messages, int count, int fragmentSize = 0)
    {
        for (int i = 0; i < count; i++)
        {
            Payload message = messages(i);
            yield return new SendMessage(opcode, message, fragmentSize);
            yield return new Expect(new PeerEvent(opcode == Opcode.Text ? PeerEventKind.Text : PeerEventKind.Binary, message));
        }
    }
}
