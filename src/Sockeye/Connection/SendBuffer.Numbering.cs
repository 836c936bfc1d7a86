using Sockeye.Protocol;

namespace Sockeye;

/// <content>What an outbox needs that outlives the connection: which of its messages have begun to leave.</content>
/// <remarks>Messages leave in the order in which they are counted here. A streamed message is counted when it is complete and may have left
/// before others that were counted earlier, and a message that was withdrawn counts as one that left: both make the count of those that
/// left too high at worst, so that what is above it has not left for certain.</remarks>
internal sealed partial class SendBuffer
{
    /// <summary>Gets how many messages had been given to the transport, as a whole or to their last piece. It has its last value once the
    /// connection has ended, and wraps.</summary>
    public int HandedOver
    {
        get
        {
            lock (_connection.Sync)
                return _leftMessages + _inFlightMessages + (_ending?.BrokenMessages ?? 0);
        }
    }

    /// <summary>Accepts a message, however much waits, or refuses it because the connection is closing; never waits.</summary>
    /// <param name="opcode">Text or binary.</param>
    /// <param name="payload">The payload, which must stay as it is: a large one is sent from there, as long as the transport reads it.</param>
    /// <param name="options">Whether it may be compressed.</param>
    /// <param name="number">The number of the message on this connection, from 1, which wraps: to be compared with
    /// <see cref="HandedOver"/>.</param>
    public bool TrySendNumbered(Opcode opcode, ReadOnlyMemory<byte> payload, SendOptions options, out int number)
    {
        bool deflates = Deflates(payload.Length, options);
        Wake wake;
        lock (_connection.Sync)
        {
            TakeCork();
            number = 0;
            if (_isClosed)
                return false;
            if (deflates || payload.Length > CopyLimit)
                AppendLarge(deflates, opcode, payload, hold: null);
            else
                AppendMessage(opcode, payload.Span);
            number = _acceptedMessages;
            wake = NeedsFlush();
        }

        Started(wake);
        return true;
    }

    /// <summary>Tells whether more waits than the high-water mark allows; then <see cref="WebSocketConnection.Writable"/> is owed.</summary>
    public bool HoldsBack()
    {
        lock (_connection.Sync)
        {
            TakeCork();
            if (_isClosed || _buffered <= _highWater)
                return false;
            _isWritableOwed = true;
            return true;
        }
    }
}
