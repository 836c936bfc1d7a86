using System.Net.WebSockets;
using System.Text;
using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Adapters;

/// <summary>A connection as the framework's type. What both must do is asked of the framework's own too: a line that it does not keep
/// would be no expectation.</summary>
public sealed class AsWebSocketTests
{
    public static TheoryData<bool, Role> Both => new()
    {
        { false, Role.Server }, { false, Role.Client }, { true, Role.Server }, { true, Role.Client },
    };

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Receives_into_small_memory_and_tells_the_end_of_each_message(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        await SendAsync(pair.Peer, "hello");
        await SendAsync(pair.Peer, "");
        await SendAsync(pair.Peer, "ab", WebSocketMessageType.Binary);
        Assert.Equal(("hel", WebSocketMessageType.Text, false), await ReceiveAsync(pair.Subject, 3));
        Assert.Equal(("lo", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Subject, 3));
        Assert.Equal(("", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Subject, 3));
        Assert.Equal(("ab", WebSocketMessageType.Binary, true), await ReceiveAsync(pair.Subject, 2));

        byte[] buffer = new byte[10];
        await SendAsync(pair.Peer, "xyz");
        WebSocketReceiveResult result = await pair.Subject.ReceiveAsync(new ArraySegment<byte>(buffer, 4, 2), default).Soon();
        Assert.Equal((2, false, WebSocketMessageType.Text, null), (result.Count, result.EndOfMessage, result.MessageType, result.CloseStatus));
        result = await pair.Subject.ReceiveAsync(new ArraySegment<byte>(buffer, 6, 2), default).Soon();
        Assert.Equal((1, true), (result.Count, result.EndOfMessage));
        Assert.Equal("xyz", Encoding.UTF8.GetString(buffer, 4, 3));
        Assert.Equal((WebSocketState.Open, "chat"), (pair.Subject.State, pair.Subject.SubProtocol));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Sends_messages_and_fragments_in_both_overloads(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        WebSocket subject = pair.Subject;
        await subject.SendAsync("one"u8.ToArray().AsMemory(), WebSocketMessageType.Text, endOfMessage: true, default);
        await subject.SendAsync(new ArraySegment<byte>("xtwox"u8.ToArray(), 1, 3), WebSocketMessageType.Binary, true, default);
        await subject.SendAsync("ä"u8.ToArray().AsMemory(..1), WebSocketMessageType.Text, endOfMessage: false, default);
        await subject.SendAsync("ä"u8.ToArray().AsMemory(1..), WebSocketMessageType.Text, WebSocketMessageFlags.None, default);
        await subject.SendAsync(ReadOnlyMemory<byte>.Empty, WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, default);
        await subject.SendAsync(
            "four"u8.ToArray(), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage | WebSocketMessageFlags.DisableCompression, default);

        Assert.Equal(("one", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Peer, 10));
        Assert.Equal(("two", WebSocketMessageType.Binary, true), await ReceiveAsync(pair.Peer, 10));
        Assert.Equal(("ä", WebSocketMessageType.Text), await ReceiveMessageAsync(pair.Peer));
        Assert.Equal(("four", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Peer, 10));
        await Assert.ThrowsAsync<ArgumentException>(async () => await SendAsync(subject, "", WebSocketMessageType.Close));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task CloseAsync_against_a_peer_that_answers_passes_through_the_states(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        Task closing = pair.Subject.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, "going", default);
        Assert.Equal(WebSocketState.CloseSent, pair.Subject.State);
        Assert.Equal(("", WebSocketMessageType.Close, true), await ReceiveAsync(pair.Peer, 10));
        Assert.Equal((WebSocketCloseStatus.EndpointUnavailable, "going"), (pair.Peer.CloseStatus, pair.Peer.CloseStatusDescription));
        await pair.Peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "answer", default).Soon();
        pair.EndTransport();
        await closing.Soon();
        Assert.Equal(WebSocketState.Closed, pair.Subject.State);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, "answer"), (pair.Subject.CloseStatus, pair.Subject.CloseStatusDescription));
        await AssertInvalidAsync(() => pair.Subject.ReceiveAsync(new byte[1].AsMemory(), default).AsTask());
        await AssertInvalidAsync(() => SendAsync(pair.Subject, "x"));
        await AssertInvalidAsync(() => pair.Subject.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Peer_that_closes_is_reported_by_a_receive_behind_its_messages_and_answered(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        await SendAsync(pair.Peer, "last");
        await pair.Peer.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, "why", default).Soon();
        Assert.Equal(WebSocketState.Open, pair.Subject.State);
        Assert.Equal(("last", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Subject, 10));
        Assert.Equal(WebSocketState.Open, pair.Subject.State);

        Task<WebSocketReceiveResult> closing = pair.Subject.ReceiveAsync(new ArraySegment<byte>(new byte[10]), default);
        await LetPeerEndAsync(pair);
        WebSocketReceiveResult result = await closing.Soon();

        Assert.Equal(
            (0, true, WebSocketMessageType.Close, WebSocketCloseStatus.PolicyViolation, "why"),
            (result.Count, result.EndOfMessage, result.MessageType, result.CloseStatus, result.CloseStatusDescription));
        Assert.Equal((WebSocketState.CloseReceived, WebSocketCloseStatus.PolicyViolation), (pair.Subject.State, pair.Subject.CloseStatus));
        await AssertInvalidAsync(() => pair.Subject.ReceiveAsync(new byte[1].AsMemory(), default).AsTask());
        await pair.Subject.CloseOutputAsync(WebSocketCloseStatus.PolicyViolation, "why", default).Soon();
        Assert.Equal(WebSocketState.Closed, pair.Subject.State);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Close_without_a_code_is_reported_as_normal(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        await pair.SendEmptyCloseAsync();
        Task<(string, WebSocketMessageType, bool)> closing = ReceiveAsync(pair.Subject, 10);
        await LetPeerEndAsync(pair);
        Assert.Equal(("", WebSocketMessageType.Close, true), await closing);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, ""), (pair.Subject.CloseStatus, pair.Subject.CloseStatusDescription));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task CloseOutputAsync_lets_receives_go_on(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        Task<(string, WebSocketMessageType, bool)> receiving = ReceiveAsync(pair.Subject, 10);
        await pair.Subject.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", default).Soon();
        Assert.Equal(WebSocketState.CloseSent, pair.Subject.State);
        await AssertInvalidAsync(() => SendAsync(pair.Subject, "x"));
        await AssertInvalidAsync(() => pair.Subject.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, default));
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(pair.Peer, 10)).Item2);

        await SendAsync(pair.Peer, "late");
        Assert.Equal(("late", WebSocketMessageType.Text, true), await receiving);
        receiving = ReceiveAsync(pair.Subject, 10);
        await pair.Peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "too", default).Soon();
        pair.EndTransport();
        Assert.Equal(("", WebSocketMessageType.Close, true), await receiving);
        Assert.Equal((WebSocketState.Closed, "too"), (pair.Subject.State, pair.Subject.CloseStatusDescription));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Messages_that_come_between_two_receives_after_CloseOutputAsync_are_received(bool isSockeye, Role role)
    {
        const int Messages = 100;
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        await pair.Subject.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", default).Soon();
        Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(pair.Peer, 10)).Type);
        for (int i = 0; i < Messages; i++)
            await SendAsync(pair.Peer, $"{i}");
        await pair.Peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "too", default).Soon();
        pair.EndTransport();
        // All of it has come, and nobody received.
        if (pair.Connection is not null)
            Assert.True((await pair.Connection.Closed.Soon()).IsClean);

        for (int i = 0; i < Messages; i++)
            Assert.Equal(($"{i}", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Subject, 10));
        Assert.Equal(("", WebSocketMessageType.Close, true), await ReceiveAsync(pair.Subject, 10));
        Assert.Equal((WebSocketState.Closed, "too"), (pair.Subject.State, pair.Subject.CloseStatusDescription));
    }

    [Fact]
    public async Task Receiver_that_is_away_after_CloseOutputAsync_stops_the_peer_and_loses_nothing()
    {
        const int Messages = 100;
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1000 });
        using WebSocket subject = peer.Connection.AsWebSocket();
        await subject.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", default).Soon();
        for (int i = 0; i < Messages; i++)
            await peer.SendTextAsync($"{i}");
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);

        for (int i = 0; i < Messages; i++)
            Assert.Equal(($"{i}", WebSocketMessageType.Text, true), await ReceiveAsync(subject, 10));
        Assert.Equal(("", WebSocketMessageType.Close, true), await ReceiveAsync(subject, 10));
        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CloseAsync_and_Dispose_after_CloseOutputAsync_discard_what_nobody_receives(bool disposes)
    {
        await using RawPeer peer = RawPeer.Open(configure: o => o with { ReadAhead = 1000 });
        using WebSocket subject = peer.Connection.AsWebSocket();
        await subject.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", default).Soon();
        for (int i = 0; i < 100; i++)
            await peer.SendTextAsync($"{i}");
        await Settle.UntilAsync(() => peer.Connection.Receive.IsPaused);

        Task closing = Task.CompletedTask;
        if (disposes)
            subject.Dispose();
        else
            closing = subject.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", default);
        await peer.SendAsync(peer.CloseFrame());
        await peer.Transport.ShutdownAsync();

        Assert.True((await peer.Connection.Closed.Soon()).IsClean);
        await closing.Soon();
        Assert.Equal(WebSocketState.Closed, subject.State);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Peer_that_vanishes_fails_the_receive_and_aborts(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        Task<(string, WebSocketMessageType, bool)> receiving = ReceiveAsync(pair.Subject, 10);
        pair.EndTransport();
        WebSocketException failure = await Assert.ThrowsAsync<WebSocketException>(() => receiving);
        Assert.Equal(WebSocketError.ConnectionClosedPrematurely, failure.WebSocketErrorCode);
        Assert.Equal(WebSocketState.Aborted, pair.Subject.State);
        await AssertInvalidAsync(() => ReceiveAsync(pair.Subject, 10));
        await AssertInvalidAsync(() => SendAsync(pair.Subject, "x"));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Abort_ends_a_receive_that_waits(bool isSockeye, Role role)
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye, role);
        Task<(string, WebSocketMessageType, bool)> receiving = ReceiveAsync(pair.Subject, 10);
        pair.Subject.Abort();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving);
        Assert.Equal((WebSocketState.Aborted, null), (pair.Subject.State, pair.Subject.CloseStatus));
        pair.Subject.Dispose();
        await AssertFailsAsync(() => ReceiveAsync(pair.Subject, 10));
    }

    [Fact]
    public async Task Token_that_is_cancelled_ends_the_wait_and_not_the_connection()
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, Role.Client);
        using var cancel = new CancellationTokenSource();
        Task<ValueWebSocketReceiveResult> receiving = pair.Subject.ReceiveAsync(new byte[10].AsMemory(), cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => receiving.Soon());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => pair.Subject.SendAsync(new byte[1].AsMemory(), WebSocketMessageType.Binary, true, cancel.Token).AsTask());
        Assert.Equal(WebSocketState.Open, pair.Subject.State);
        await SendAsync(pair.Peer, "there");
        Assert.Equal(("there", WebSocketMessageType.Text, true), await ReceiveAsync(pair.Subject, 10));

        await pair.Subject.SendAsync("a"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: false, default);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => pair.Subject.SendAsync("-"u8.ToArray().AsMemory(), WebSocketMessageType.Text, true, cancel.Token).AsTask());
        await pair.Subject.SendAsync("b"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, default);
        Assert.Equal(("ab", WebSocketMessageType.Text), await ReceiveMessageAsync(pair.Peer));
    }

    [Fact]
    public async Task Peer_that_breaks_the_protocol_faults_the_receive()
    {
        await using RawPeer peer = RawPeer.Open();
        using WebSocket subject = peer.Connection.AsWebSocket();
        Task<(string, WebSocketMessageType, bool)> receiving = ReceiveAsync(subject, 10);
        await peer.SendAsync([0x85, 0x80, 0, 0, 0, 0]);
        Assert.Equal(1002, (await peer.ReadFrameAsync())!.CloseCode);
        await peer.Transport.ShutdownAsync();
        WebSocketException failure = await Assert.ThrowsAsync<WebSocketException>(() => receiving);
        Assert.Equal(WebSocketError.Faulted, failure.WebSocketErrorCode);
        Assert.Equal(Rule.OpcodeMustBeKnown, Assert.IsType<WebSocketClosedException>(failure.InnerException).Result.Violation!.Rule);
    }

    [Fact]
    public async Task CloseAsync_against_a_peer_that_never_answers_ends_with_CloseTimeout_and_Aborted()
    {
        await using RawPeer peer = RawPeer.Open();
        using WebSocket subject = peer.Connection.AsWebSocket();
        Task closing = subject.CloseAsync(WebSocketCloseStatus.NormalClosure, "", default);
        Assert.Equal(1000, (await peer.ReadFrameAsync())!.CloseCode);
        await Settle.UntilAsync(() =>
        {
            peer.Time.Advance(TimeSpan.FromSeconds(1));
            return closing.IsCompleted;
        });
        await closing;
        Assert.Equal((WebSocketState.Aborted, null), (subject.State, subject.CloseStatus));
    }

    [Fact]
    public async Task Dispose_begins_to_close_and_gives_up_a_message_that_is_not_complete()
    {
        foreach (bool isInMessage in (bool[])[false, true])
        {
            await using RawPeer peer = RawPeer.Open();
            WebSocket subject = peer.Connection.AsWebSocket();
            await subject.SendAsync(new byte[1].AsMemory(), WebSocketMessageType.Binary, endOfMessage: !isInMessage, default);
            subject.Dispose();
            subject.Dispose();
            Assert.Equal(WebSocketState.Closed, subject.State);
            Assert.Equal(Opcode.Binary, (await peer.ReadFrameAsync())!.Opcode);
            Assert.Equal(isInMessage ? 1011 : 1000, (await peer.ReadFrameAsync())!.CloseCode);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => ReceiveAsync(subject, 1));
        }
    }

    [Fact]
    public async Task Whole_messages_may_be_sent_at_the_same_time()
    {
        using FrameworkPair pair = await FrameworkPair.OpenAsync(isSockeye: true, Role.Server);
        Task[] sends = [.. Enumerable.Range(0, 50).Select(i => SendAsync(pair.Subject, $"{i}"))];
        for (int i = 0; i < sends.Length; i++)
            Assert.Equal($"{i}", (await ReceiveAsync(pair.Peer, 10)).Item1);
        await Task.WhenAll(sends).Soon();
    }

    internal static Task SendAsync(WebSocket socket, string text, WebSocketMessageType type = WebSocketMessageType.Text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text).AsMemory(), type, endOfMessage: true, default).Soon();

    private static async Task<(string Text, WebSocketMessageType Type, bool IsEnd)> ReceiveAsync(WebSocket socket, int size)
    {
        byte[] buffer = new byte[size];
        ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(), default).Soon();
        return (Encoding.UTF8.GetString(buffer, 0, result.Count), result.MessageType, result.EndOfMessage);
    }

    private static async Task<(string Text, WebSocketMessageType Type)> ReceiveMessageAsync(WebSocket socket)
    {
        var message = new MemoryStream();
        byte[] buffer = new byte[100];
        while (true)
        {
            ValueWebSocketReceiveResult result = await socket.ReceiveAsync(buffer.AsMemory(), default).Soon();
            message.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
                return (Encoding.UTF8.GetString(message.ToArray()), result.MessageType);
        }
    }

    /// <summary>Takes the answer to the peer's Close where the engine gives it, and ends the transport.</summary>
    private static async Task LetPeerEndAsync(FrameworkPair pair)
    {
        if (pair.Connection is not null)
            Assert.Equal(WebSocketMessageType.Close, (await ReceiveAsync(pair.Peer, 10)).Type);
        pair.EndTransport();
    }

    private static async Task AssertInvalidAsync(Func<Task> call)
    {
        WebSocketException failure = await Assert.ThrowsAsync<WebSocketException>(call);
        Assert.Equal(WebSocketError.InvalidState, failure.WebSocketErrorCode);
    }

    private static async Task AssertFailsAsync(Func<Task> call)
    {
        Exception? failure = await Record.ExceptionAsync(call);
        Assert.True(failure is ObjectDisposedException or WebSocketException { WebSocketErrorCode: WebSocketError.InvalidState }, $"{failure}");
    }
}
