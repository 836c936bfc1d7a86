using Sockeye.Compression;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Transports;

namespace Sockeye.Fuzzing;

/// <summary>Receives a session with the engine, over memory, and answers every message with itself.</summary>
internal sealed class EngineSubject
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly BufferPool _buffers = new(new CountingPool(trace: false));
    private readonly BufferPool _peerBuffers = new(new CountingPool(trace: false));
    private readonly ManualTimeProvider _time = new();

    private CountingPool Pool => (CountingPool)_buffers.Arrays;

    /// <summary>Compares what the engine makes of a session with what the model says.</summary>
    /// <returns>What differs; null where nothing does.</returns>
    public async Task<string?> CheckAsync(Session session, int[] ends, Dice dice)
    {
        Outcome model = SpecModel.Judge(session.Terms, session.Wire);
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(_buffers, _peerBuffers, capacity: 1 << 24);
        bool yields = dice.Happens(50), isLate = dice.Happens(25);
        WebSocketConnectionOptions options = MakeOptions(session.Terms, isLate ? 1 << 24 : dice.Happens(50) ? dice.Within(1, 100) : 64 * 1024);
        var connection = new WebSocketConnection(own, session.Terms.Receiver, options, MakeDetails(session.Terms, dice), []);
        try
        {
            Outcome seen = new();
            Task<CloseResult>? reading = isLate ? null : ReadAsync(connection, seen, model, yields);
            connection.Start();
            Task sending = SendAsync(peer, session.Wire, ends, yields);
            Task<byte[]> answering = ReceiveAsync(peer);
            await sending.WaitAsync(Patience).ConfigureAwait(false);
            reading ??= ReadAsync(connection, seen, model, yields);
            CloseResult result = await reading.WaitAsync(Patience).ConfigureAwait(false);
            byte[] sent = await answering.WaitAsync(Patience).ConfigureAwait(false);
            await connection.DisposeAsync().AsTask().WaitAsync(Patience).ConfigureAwait(false);
            peer.Abort();
            return Compare(session.Terms, model, seen, result, sent) ?? await FindLeakAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            connection.Abort();
            peer.Abort();
            return e is TimeoutException ? $"Hangs, where it should see {model}" : e.ToString();
        }
    }

    /// <summary>Plays a session while this side sends, pings, closes and ends the connection as it comes, and while the peer goes away
    /// in one way or another.</summary>
    /// <returns>What is wrong whatever happened first; null where nothing is.</returns>
    public async Task<string?> CheckUnderFireAsync(Session session, int[] ends, Dice dice)
    {
        Outcome model = SpecModel.Judge(session.Terms, session.Wire);
        // A small one, so that sends wait.
        (InMemoryTransport own, InMemoryTransport peer) = InMemoryTransport.CreatePair(_buffers, _peerBuffers, dice.Of([64, 4096, 1 << 20]));
        WebSocketConnectionOptions options = MakeOptions(session.Terms, readAhead: 64 * 1024) with { HighWaterMark = dice.Of([1, 100, 64 * 1024]) };
        var connection = new WebSocketConnection(own, session.Terms.Receiver, options, MakeDetails(session.Terms, dice), []);
        try
        {
            Outcome seen = new();
            Task<CloseResult> reading = ReadAsync(connection, seen, new Outcome(), yields: dice.Happens(50));
            connection.Start();
            bool resets = dice.Happens(50);
            Task sending = SendAsync(peer, session.Wire, resets ? ends[..dice.Below(ends.Length + 1)] : ends, yields: true, resets);
            Task<byte[]> answering = ReceiveAsync(peer, mayBeReset: true);
            var operations = new Operations(connection, new Dice(session.Seed));
            Task operating = operations.RunAsync();
            Task all = Task.WhenAll(reading, sending, answering, operating);
            await AdvanceUntilAsync(all).ConfigureAwait(false);
            await connection.DisposeAsync().AsTask().WaitAsync(Patience).ConfigureAwait(false);
            peer.Abort();

            // What comes while this side closes may be discarded; otherwise nothing is.
            bool isInOrder = operations.HasEnded
                ? IsSubsequence(seen.Items, model.Items)
                : model.Items.Count >= seen.Items.Count && model.Items.Take(seen.Items.Count).SequenceEqual(seen.Items);
            if (!isInOrder)
                return $"Under fire: {seen} is not out of {model}";
            byte[] sent = await answering.ConfigureAwait(false);
            Outcome answer = SpecModel.Judge(session.Terms.Reversed, sent);
            if (answer.Broken.Count > 0 || (answer.IsClosed && answer.FrameEnds[^1] != sent.Length))
                return $"Under fire it sent {Convert.ToHexStringLower(sent)}: {answer}";
            return await FindLeakAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            connection.Abort();
            peer.Abort();
            return $"Under fire: {e}";
        }
    }

    private static bool IsSubsequence(List<Item> part, List<Item> whole)
    {
        int at = 0;
        foreach (Item item in part)
        {
            at = whole.IndexOf(item, at) + 1;
            if (at == 0)
                return false;
        }

        return true;
    }

    /// <summary>Lets time pass where nothing else moves any more.</summary>
    private async Task AdvanceUntilAsync(Task all)
    {
        long start = Environment.TickCount64;
        for (int turns = 1; !all.IsCompleted; turns++)
        {
            await Task.Yield();
            if (turns % 100 == 0)
                _time.Advance(TimeSpan.FromSeconds(1));
            if (Environment.TickCount64 - start > Patience.TotalMilliseconds)
                throw new TimeoutException("Something hangs.");
        }

        await all.ConfigureAwait(false);
    }

    private static string? Compare(Terms terms, Outcome model, Outcome seen, CloseResult result, byte[] sent)
    {
        if (result.Violation is { } violation)
            seen.Broken.Add((violation.Rule, (int)violation.CloseCode));
        seen.Code = (int?)result.ReceivedCode ?? (int?)result.Violation?.CloseCode ?? 0;
        // The reason was decoded; its bytes show in the answer.
        seen.Reason = model.Reason;
        if (!seen.Satisfies(model))
            return $"{seen} instead of {model}";

        Outcome answer = SpecModel.Judge(terms.Reversed, sent);
        if (answer.Broken.Count > 0 || answer.FrameEnds.LastOrDefault() != sent.Length)
            return $"It sent {Convert.ToHexStringLower(sent)}: {answer}";
        Item[] echoes = [.. answer.Items.Where(item => item.IsMessage)];
        Item[] pongs = [.. answer.Items.Where(item => !item.IsMessage)];
        Item[] messages = [.. model.Items.Where(item => item.IsMessage)];
        Item[] pings = [.. model.Items.Where(item => item.Kind == ItemKind.Ping).Select(item => item with { Kind = ItemKind.Pong })];
        if (model.Code == 0)
        {
            // It ended without a Close: there is nobody to hear what had not left.
            bool arePrefixes = messages.AsSpan().StartsWith(echoes) && pings.AsSpan().StartsWith(pongs);
            return arePrefixes && answer.Code == 0 && result.Code == CloseCode.Abnormal && result.Cause == CloseCause.TransportEnded
                ? null
                : $"The end of the transport gave {result}, answered with {answer}";
        }

        if (!messages.SequenceEqual(echoes) || !pings.SequenceEqual(pongs))
            return $"Answered {answer} to {model}";
        byte[] reason = result.Violation is { } broken ? System.Text.Encoding.ASCII.GetBytes(broken.Message) : model.Reason;
        bool isAnswered = terms.SkipsUtf8 || answer.Reason.AsSpan().SequenceEqual(reason);
        int code = seen.Broken.Count > 0 ? seen.Broken[0].Code : model.Code;
        if (answer.Code != code || !isAnswered || result.IsClean != model.IsClosed || result.UnsentMessages != 0)
            return $"Ended with {result}, answered {answer}, for {model}";
        return null;
    }

    // Both sides compress on the same terms: the model reads the answers too.
    private static ConnectionDetails MakeDetails(Terms terms, Dice dice)
    {
        if (terms.Deflate == DeflateMode.None)
            return ConnectionDetails.None;
        bool resets = terms.Deflate == DeflateMode.NoContextTakeover;
        var parameters = new DeflateParameters { ServerNoContextTakeover = resets, ClientNoContextTakeover = resets };
        var options = new PerMessageDeflateOptions { Threshold = dice.Of([0, 10, 1024]), Level = dice.Within(1, 9) };
        return new ConnectionDetails { Deflate = new DeflateAgreement(terms.Receiver, parameters, options) };
    }

    // Pings that come before the first read are kept as long as there is room for half of what is read ahead.
    private WebSocketConnectionOptions MakeOptions(Terms terms, int readAhead) => new()
    {
        TimeProvider = _time,
        Buffers = _buffers,
        MaxMessageSize = terms.MaxMessageSize,
        MaxFragments = terms.MaxFragments,
        SkipUtf8Validation = terms.SkipsUtf8,
        ReceiveInPieces = terms.InPieces,
        ReadAhead = readAhead,
        // Every ping is answered below it (rule S6).
        HighWaterMark = 1 << 26,
        ThrowOnAbnormalClose = false,
    };

    private static async Task<CloseResult> ReadAsync(WebSocketConnection connection, Outcome seen, Outcome model, bool yields)
    {
        List<byte> pieces = [];
        await foreach (WebSocketEvent received in connection.ReadEventsAsync())
        {
            if (received.Kind == WebSocketEventKind.Close)
                continue;
            ItemKind kind = received.Kind switch
            {
                WebSocketEventKind.Text => ItemKind.Text,
                WebSocketEventKind.Binary => ItemKind.Binary,
                WebSocketEventKind.Ping => ItemKind.Ping,
                _ => ItemKind.Pong,
            };
            var item = new Item(kind, received.ToArray());
            if (item.IsMessage && !(received.Message.BeginsMessage && received.Message.EndsMessage))
            {
                pieces.AddRange(item.Payload);
                if (!received.Message.EndsMessage)
                    continue;
                item = item with { Payload = [.. pieces] };
                pieces.Clear();
            }

            seen.Items.Add(item);
            try
            {
                if (item.IsMessage)
                {
                    await (received.Message.BeginsMessage
                        ? connection.SendAsync(received.Message)
                        : connection.SendAsync(item.Payload, received.Message.Kind)).ConfigureAwait(false);
                }
            }
            catch (WebSocketClosedException) when (model.Code == 0)
            {
                // The end of a transport without a Close does not wait for the reader.
            }

            if (yields)
                await Task.Yield();
        }

        return await connection.Closed.ConfigureAwait(false);
    }

    private static async Task SendAsync(InMemoryTransport peer, byte[] wire, int[] ends, bool yields, bool resets = false)
    {
        try
        {
            int start = 0;
            foreach (int end in ends)
            {
                await peer.SendAsync(wire.AsMemory(start, end - start), default).ConfigureAwait(false);
                start = end;
                if (yields)
                    await Task.Yield();
            }

            if (resets)
                peer.Abort();
            else
                await peer.ShutdownAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // The connection had ended before it had heard all: nothing is read beyond the end.
        }
    }

    private static async Task<byte[]> ReceiveAsync(InMemoryTransport peer, bool mayBeReset = false)
    {
        List<byte> sent = [];
        try
        {
            while (true)
            {
                ReceivedBlock block = await peer.ReceiveAsync(default).ConfigureAwait(false);
                if (block.IsEnd)
                    return [.. sent];
                sent.AddRange(block.Memory);
                peer.Advance(block.Memory.Count);
            }
        }
        catch (IOException) when (mayBeReset)
        {
            return [.. sent];
        }
    }

    // The end is told before the last memory comes back.
    private async Task<string?> FindLeakAsync()
    {
        long start = Environment.TickCount64;
        while (Pool.Outstanding > 0 || _buffers.SlabsHeld > 0)
        {
            if (Environment.TickCount64 - start > Patience.TotalMilliseconds)
                return $"{Pool.Outstanding} arrays and {_buffers.SlabsHeld} slabs did not come back";
            await Task.Yield();
        }

        return null;
    }
}
