using System.Runtime.InteropServices;

namespace Sockeye.Cli.Bench;

internal enum ConnectionPhase
{
    /// <summary>There is no socket.</summary>
    None,

    /// <summary>The response to the handshake is awaited.</summary>
    Opening,

    Open,

    /// <summary>Our Close is on its way, or has been answered.</summary>
    Closing,
}

/// <summary>One connection of the load generator: its socket, what it has to send, and what it waits for. It may be opened again and
/// again.</summary>
internal sealed unsafe class RawConnection(int number, BenchHandshake handshake, BenchMessages messages)
{
    private readonly byte* _frames = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(messages.Frames, 0);
    private readonly int[] _starts = messages.Starts;
    private readonly int _count = messages.Count;

    // Output: so many messages from this one on, sent up to here; and now and then something else between two of them.
    private int _owed;
    private int _next;
    private int _sent;
    private byte[]? _between;
    private int _betweenSent;

    // What has come of the response to the handshake.
    private byte[]? _response;

    /// <summary>Gets the number that the connection is known by in the set of sockets.</summary>
    public int Number { get; } = number;

    public int Fd { get; private set; } = -1;

    public ConnectionPhase Phase { get; set; }

    public ReplyReader Reader { get; private set; } = null!;

    /// <summary>Gets or sets when the messages in flight were sent; null where that is not measured.</summary>
    public SendTimes? SendTimes { get; set; }

    /// <summary>Gets or sets the number of messages that were sent and have not come back.</summary>
    public int InFlight { get; set; }

    /// <summary>Gets or sets the number of messages that have come.</summary>
    public long Received { get; set; }

    /// <summary>Gets or sets when the connection began to open.</summary>
    public long Began { get; set; }

    public bool HasOutput => _owed > 0 || _between is not null;

    /// <summary>Makes the socket, and begins to connect it. The request leaves as soon as it can.</summary>
    public void Open(byte[] address, EpollSet sockets, int verified)
    {
        _owed = _next = _sent = 0;
        _response = null;
        InFlight = 0;
        Received = 0;
        Reader = new ReplyReader(messages, verified);
        fixed (byte* bytes = address)
        {
            // a sockaddr begins with its family
            Fd = Libc.Socket(BitConverter.ToUInt16(address), Libc.StreamSocket | Libc.NonBlocking | Libc.CloseOnExec, 0);
            if (Fd < 0)
                throw Libc.Failure($"No socket for connection {Number + 1}; 'ulimit -n' tells how many files a process may open");
            int on = 1;
            _ = Libc.SetOption(Fd, Libc.LevelTcp, Libc.TcpNoDelay, &on, sizeof(int));
            if (Libc.Connect(Fd, bytes, address.Length) != 0 && Libc.LastError != Libc.InProgress)
                throw Libc.Failure("The server cannot be reached");
        }

        sockets.Add(Fd, Number);
        Phase = ConnectionPhase.Opening;
        _between = handshake.Request;
        _betweenSent = 0;
    }

    /// <summary>Takes what has come of the response to the handshake.</summary>
    /// <param name="received">What has come now.</param>
    /// <returns>What has come behind the response; the phase tells whether that is whole.</returns>
    /// <exception cref="IOException">The response is not what it must be.</exception>
    public ReadOnlySpan<byte> TakeResponse(ReadOnlySpan<byte> received)
    {
        if (_response is not null)
            received = _response = [.. _response, .. received];
        if (handshake.TryRead(received, out int size))
        {
            _response = null;
            Phase = ConnectionPhase.Open;
            return received[size..];
        }

        _response ??= received.ToArray();
        return [];
    }

    /// <summary>Lets the next message be the first one, where all have left.</summary>
    public void Rewind()
    {
        if (_owed == 0)
            _next = _sent = 0;
    }

    /// <summary>Sends messages: as much of them as the kernel takes now.</summary>
    /// <returns>0, or the number of an error.</returns>
    public int SendMessages(int count)
    {
        // From the first one on, where the rest of the circle would not do for one write.
        if (_next + count > _count)
            Rewind();
        _owed += count;
        return Flush();
    }

    /// <summary>Sends something else, between two messages.</summary>
    /// <returns>0, or the number of an error.</returns>
    public int SendBetween(byte[] frame)
    {
        _between = _between is null ? frame : [.. _between, .. frame];
        return Flush();
    }

    /// <summary>Sends what is left to send, as far as the kernel takes it.</summary>
    /// <returns>0, or the number of an error.</returns>
    public int Flush()
    {
        while (HasOutput)
        {
            nint wanted;
            nint sent;
            bool isBetween = _between is not null && _sent == _starts[_next];
            if (isBetween)
            {
                wanted = _between!.Length - _betweenSent;
                fixed (byte* bytes = _between)
                    sent = Libc.Send(Fd, bytes + _betweenSent, wanted, Libc.NoSignal);
            }
            else
            {
                int together = _between is null ? Math.Min(_owed, _count - _next) : 1;
                wanted = _starts[_next + together] - _sent;
                sent = Libc.Send(Fd, _frames + _sent, wanted, Libc.NoSignal);
            }

            if (sent < 0)
                return Libc.LastError is Libc.TryAgain or Libc.Interrupted ? 0 : Libc.LastError;
            if (isBetween)
                AdvanceBetween((int)sent);
            else
                Advance((int)sent);
            if (sent < wanted)
                return 0; // the socket tells when there is room again
        }

        return 0;
    }

    public void Close()
    {
        if (Fd >= 0)
            _ = Libc.Close(Fd);
        Fd = -1;
        Phase = ConnectionPhase.None;
    }

    private void Advance(int sent)
    {
        _sent += sent;
        while (_owed > 0 && _starts[_next + 1] <= _sent)
        {
            _owed--;
            _next++;
        }

        if (_next == _count)
            _next = _sent = 0;
    }

    private void AdvanceBetween(int sent)
    {
        _betweenSent += sent;
        if (_betweenSent == _between!.Length)
        {
            _between = null;
            _betweenSent = 0;
        }
    }
}
