using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

/// <summary>Rule H5, and rule H2 on the side of the server: requests that the application decides about.</summary>
public sealed class UpgradeRequestTests
{
    [Fact]
    public async Task Request_that_is_accepted_opens_and_tells_what_was_asked()
    {
        await using var test = new ServerTest();
        await using IAsyncEnumerator<UpgradeRequest> requests = test.Server.UpgradeRequestsAsync().GetAsyncEnumerator();
        ValueTask<bool> next = requests.MoveNextAsync();
        await test.Server.Listening;
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(RawClient.Request(
            test.Server, "/room/1?token=a%20b", "X-Id: 7\r\nCookie: id=8; seen=1\r\nSec-WebSocket-Protocol: v2, v1\r\n"));

        Assert.True(await next.AsTask().WaitAsync(ServerTest.Patience));
        UpgradeRequest request = requests.Current;
        Assert.Equal(("GET", "/room/1?token=a%20b", "/room/1", "token=a%20b"), (request.Method, request.Target, request.Path, request.Query));
        Assert.Equal("a b", request.GetQueryValue("token"));
        Assert.Equal("7", request.Headers["x-id"]);
        Assert.Equal("1", request.GetCookie("seen"));
        Assert.Equal(["v2", "v1"], request.Subprotocols);
        Assert.Null(request.Origin);
        Assert.Null(request.Fault);
        Assert.False(request.IsSecure);
        Assert.Equal(client.Socket.LocalEndPoint, request.RemoteEndPoint);
        Assert.Equal(test.Server.EndPoints[0], request.LocalEndPoint);

        WebSocketConnection socket = await request.AcceptAsync(new() { Subprotocol = "v1", Headers = new() { { "X-Answer", "8" } } });

        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 Switching Protocols\r\n", head, StringComparison.Ordinal);
        Assert.Contains($"Sec-WebSocket-Accept: {RawClient.Accept}\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Sec-WebSocket-Protocol: v1\r\n", head, StringComparison.Ordinal);
        Assert.Contains("X-Answer: 8\r\n", head, StringComparison.Ordinal);
        Assert.Equal("v1", socket.Subprotocol);
        await socket.SendTextAsync("hello");
        Assert.Equal("hello", await client.ReadTextAsync());
        await client.SendFrameAsync(Opcode.Text, "hi");
        Assert.Equal("hi", (await socket.ReceiveAsync()).GetText());
        Task<CloseResult> closing = socket.CloseAsync();
        Assert.Equal((1000, ""), await client.ReadCloseAsync());
        client.Dispose();
        Assert.True((await closing.WaitAsync(ServerTest.Patience)).IsClean);
        Assert.True((await socket.ReceiveAsync()).IsEnd); // ends the lease of the message
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Request_with_frames_right_behind_its_head_delivers_them()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        byte[] head = System.Text.Encoding.ASCII.GetBytes(RawClient.Request(test.Server));

        await client.SendAsync([.. head, .. RawClient.Frame(Opcode.Text, "early"u8.ToArray()), .. RawClient.Frame(Opcode.Text, "bird"u8.ToArray())]);

        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("early", await client.ReadTextAsync());
        Assert.Equal("bird", await client.ReadTextAsync());
        client.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Request_that_is_rejected_is_answered_with_what_the_application_says()
    {
        await using var test = new ServerTest();
        _ = ServeAsync(test, request => request.RejectAsync(401, new() { { "WWW-Authenticate", "Basic" } }, "Who are you?"));
        await test.Server.Listening;

        string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server));

        Assert.Equal(
            "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 12\r\n"
                + "WWW-Authenticate: Basic\r\n\r\nWho are you?",
            answer);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Request_that_is_decided_twice_throws_and_the_first_decision_stands()
    {
        await using var test = new ServerTest();
        var thrown = new TaskCompletionSource<Exception[]>();
        _ = ServeAsync(test, async request =>
        {
            await using WebSocketConnection socket = await request.AcceptAsync();
            thrown.SetResult(
            [
                (await Record.ExceptionAsync(() => request.AcceptAsync()))!,
                (await Record.ExceptionAsync(() => request.RejectAsync(403)))!,
            ]);
        });
        await test.Server.Listening;

        using RawClient client = await RawClient.OpenAsync(test.Server);

        Assert.All(await thrown.Task.WaitAsync(ServerTest.Patience), e => Assert.IsType<InvalidOperationException>(e));
        Assert.Equal(1000, (await client.ReadCloseAsync()).Code);
    }

    [Fact]
    public async Task Request_that_is_undecided_at_the_deadline_gets_503_and_a_late_decision_comes_to_nothing()
    {
        await using var test = new ServerTest();
        var seen = new TaskCompletionSource<UpgradeRequest>();
        _ = ServeAsync(test, request =>
        {
            seen.SetResult(request);
            return Task.CompletedTask;
        });
        await test.Server.Listening;
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(RawClient.Request(test.Server));
        UpgradeRequest request = await seen.Task.WaitAsync(ServerTest.Patience);

        test.Advance(TimeSpan.FromSeconds(10));

        string answer = await client.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 503 Service Unavailable\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
        WebSocketConnection late = await request.AcceptAsync(); // no exception: the loop over requests must survive slow decisions
        Assert.Equal(CloseCode.Abnormal, (await late.Closed.WaitAsync(ServerTest.Patience)).Code);
        await Assert.ThrowsAsync<WebSocketClosedException>(() => late.ReceiveAsync().AsTask());
        await request.RejectAsync(403); // answered already: nothing happens
        client.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Request_whose_client_has_gone_is_accepted_as_a_connection_that_has_ended()
    {
        await using var test = new ServerTest();
        var seen = new TaskCompletionSource<UpgradeRequest>();
        _ = ServeAsync(test, request =>
        {
            seen.SetResult(request);
            return Task.CompletedTask;
        });
        await test.Server.Listening;
        using (RawClient client = await RawClient.ConnectAsync(test.Server))
        {
            await client.SendAsync(RawClient.Request(test.Server));
            await seen.Task.WaitAsync(ServerTest.Patience);
            client.Socket.LingerState = new LingerOption(true, 0);
        }

        WebSocketConnection socket = await (await seen.Task).AcceptAsync();

        CloseResult result = await socket.Closed.WaitAsync(ServerTest.Patience);
        Assert.Equal(CloseCode.Abnormal, result.Code);
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public async Task Requests_without_an_enumerator_get_404_and_mapped_ones_are_never_enumerated()
    {
        await using var test = new ServerTest();
        test.Server.Map("/chat", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        Assert.StartsWith("HTTP/1.1 404 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)), StringComparison.Ordinal);

        List<string> seen = [];
        Task serving = ServeAsync(test, request =>
        {
            seen.Add(request.Path);
            return request.RejectAsync(410);
        });
        using RawClient mapped = await RawClient.OpenAsync(test.Server, "/chat");
        Assert.StartsWith("HTTP/1.1 410 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/other")), StringComparison.Ordinal);

        Assert.Equal(["/other"], seen);
        Assert.False(serving.IsCompleted);
        await test.Server.StopAsync(new CancellationToken(true));
        await serving.WaitAsync(ServerTest.Patience);
    }

    [Fact]
    public async Task Enumerating_twice_at_a_time_throws_and_once_more_afterwards_works()
    {
        await using var test = new ServerTest();
        using var stop = new CancellationTokenSource();
        await using IAsyncEnumerator<UpgradeRequest> first = test.Server.UpgradeRequestsAsync(stop.Token).GetAsyncEnumerator();
        ValueTask<bool> waiting = first.MoveNextAsync();
        await using IAsyncEnumerator<UpgradeRequest> second = test.Server.UpgradeRequestsAsync().GetAsyncEnumerator();
        await Assert.ThrowsAsync<InvalidOperationException>(() => second.MoveNextAsync().AsTask());

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.AsTask().WaitAsync(ServerTest.Patience));

        _ = ServeAsync(test, request => request.RejectAsync(410));
        Assert.StartsWith("HTTP/1.1 410 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_beyond_the_queue_get_503_and_those_left_in_it_when_the_loop_ends()
    {
        await using var test = new ServerTest(options => options with { RequestQueue = 2 });
        IAsyncEnumerator<UpgradeRequest> requests = test.Server.UpgradeRequestsAsync().GetAsyncEnumerator();
        ValueTask<bool> first = requests.MoveNextAsync();
        await test.Server.Listening;
        using RawClient taken = await RawClient.ConnectAsync(test.Server);
        await taken.SendAsync(RawClient.Request(test.Server));
        Assert.True(await first.AsTask().WaitAsync(ServerTest.Patience));

        // Three more: two fit into the queue, and whichever does not is answered at once.
        List<RawClient> clients = [];
        List<Task<string>> answers = [];
        for (int i = 0; i < 3; i++)
        {
            RawClient client = await RawClient.ConnectAsync(test.Server);
            await client.SendAsync(RawClient.Request(test.Server));
            clients.Add(client);
            answers.Add(client.ReadToEndAsync());
        }

        string full = await await Task.WhenAny(answers);
        Assert.Contains("too many requests", full, StringComparison.Ordinal);
        _ = Assert.Single(answers, answer => answer.IsCompleted);
        UpgradeRequest seen = requests.Current;

        await requests.DisposeAsync();
        foreach (string answer in await Task.WhenAll(answers))
        {
            Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
            Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
        }

        await seen.RejectAsync(410); // the one that was seen is still the application's
        Assert.StartsWith("HTTP/1.1 410 ", await taken.ReadToEndAsync(), StringComparison.Ordinal);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Requests_of_foreign_origins_are_refused_before_the_loop_sees_them()
    {
        await using var test = new ServerTest();
        _ = ServeAsync(test, request => request.RejectAsync(410));
        await test.Server.Listening;

        Assert.StartsWith(
            "HTTP/1.1 403 ", await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", "Origin: http://evil\r\n")), StringComparison.Ordinal);
        Assert.StartsWith(
            "HTTP/1.1 410 ",
            await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, "/", $"Origin: http://{test.Host}\r\n")),
            StringComparison.Ordinal);
    }

    // H2
    [Theory]
    [InlineData("v2, v1", "", "Listed", null)]
    [InlineData("v2, v1", "v1 v2", "Listed", "v2")]
    [InlineData("v2, v1", "v1", "Listed", "v1")]
    [InlineData("v2, v1", "v3", "Listed", null)]
    [InlineData("v2, v1", "V2", "Listed", null)]
    [InlineData(null, "v1", "Listed", null)]
    [InlineData("v2, v1", "", "FirstOffered", "v2")]
    [InlineData(null, "", "FirstOffered", null)]
    public async Task Server_selects_a_subprotocol_by_list_or_the_first(string? offered, string listed, string selection, string? expected)
    {
        var accept = new WebSocketAcceptOptions
        {
            Subprotocols = listed.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            SubprotocolSelection = Enum.Parse<SubprotocolSelection>(selection),
        };

        await AssertSelectsAsync(accept, offered, expected);
    }

    [Fact]
    public async Task Server_selects_a_subprotocol_by_its_name_or_by_a_selector()
    {
        await AssertSelectsAsync(new() { Subprotocol = "v1" }, "v2, v1", "v1");
        await AssertSelectsAsync(new() { Subprotocol = "v3" }, "v2, v1", null);
        await AssertSelectsAsync(new() { SubprotocolSelector = request => request.Subprotocols[^1], Subprotocols = ["v2"] }, "v2, v1", "v1");
        await AssertSelectsAsync(new() { SubprotocolSelector = _ => null, Subprotocols = ["v2"] }, "v2, v1", null);
    }

    [Fact]
    public async Task Server_whose_selector_throws_or_makes_something_up_answers_500_and_goes_on()
    {
        await using var test = new ServerTest();
        test.Server.Map("/throws", ServerTest.EchoAsync, new() { SubprotocolSelector = _ => throw new InvalidOperationException("no") });
        test.Server.Map("/invents", ServerTest.EchoAsync, new() { SubprotocolSelector = _ => "v9" });
        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();

        foreach (string path in (string[])["/throws", "/invents"])
        {
            string answer = await RawClient.AskAsync(test.Server, RawClient.Request(test.Server, path, "Sec-WebSocket-Protocol: v1\r\n"));
            Assert.StartsWith("HTTP/1.1 500 ", answer, StringComparison.Ordinal);
        }

        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    [Fact]
    public void Options_that_cannot_be_used_throw_where_they_are_set()
    {
        Assert.Throws<ArgumentException>("Subprotocol", () => new WebSocketAcceptOptions { Subprotocol = "a b" });
        Assert.Throws<ArgumentException>("Subprotocols", () => new WebSocketAcceptOptions { Subprotocols = ["a", "a"] });
        Assert.Throws<ArgumentException>("Headers", () => new WebSocketAcceptOptions { Headers = new() { { "Upgrade", "x" } } });
        Assert.Throws<ArgumentOutOfRangeException>("Port", () => new WebSocketServerOptions { Port = 65536 });
        Assert.Throws<ArgumentOutOfRangeException>("Backlog", () => new WebSocketServerOptions { Backlog = 0 });
        Assert.Throws<ArgumentOutOfRangeException>("HandshakeTimeout", () => new WebSocketServerOptions { HandshakeTimeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>("RequestQueue", () => new WebSocketServerOptions { RequestQueue = 0 });
        Assert.Throws<ArgumentOutOfRangeException>("StopTimeout", () => new WebSocketServerOptions { StopTimeout = TimeSpan.Zero });
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("")]
    [InlineData("/a?b")]
    [InlineData("/a#b")]
    [InlineData("/a b")]
    [InlineData("/\u00E9")]
    [InlineData("/twice")]
    [InlineData("/twice/*")]
    public async Task Map_of_what_is_no_path_or_is_mapped_throws(string path)
    {
        await using var test = new ServerTest();
        test.Server.Map("/twice", ServerTest.EchoAsync);
        test.Server.Map("/twice/*", ServerTest.EchoAsync);

        Assert.Throws<ArgumentException>(nameof(path), () => test.Server.Map(path, ServerTest.EchoAsync));
    }

    [Theory]
    [InlineData("/", "root")]
    [InlineData("/a", "a")]
    [InlineData("/a/", "below a")]
    [InlineData("/a/b", "below a")]
    [InlineData("/a/b/c", "below a/b")]
    [InlineData("/x", "any")]
    [InlineData("/A", "any")]
    [InlineData("/%61", "any")]
    [InlineData("/a?b", "a")]
    [InlineData("http://{0}/a", "a")]
    public async Task Map_finds_the_exact_path_and_else_the_longest_beginning(string target, string expected)
    {
        await using var test = new ServerTest();
        foreach ((string path, string name) in new[] { ("/*", "any"), ("/", "root"), ("/a", "a"), ("/a/*", "below a"), ("/a/b/*", "below a/b") })
            test.Server.Map(path, async (socket, cancel) => await socket.SendTextAsync(name, cancel));
        await test.Server.StartAsync();

        using RawClient client = await RawClient.OpenAsync(test.Server, string.Format(target, test.Host));

        Assert.Equal(expected, await client.ReadTextAsync());
    }

    [Fact]
    public async Task Map_of_callbacks_runs_them()
    {
        await using var test = new ServerTest();
        test.Server.Map("/", new WebSocketHandler { Message = static (socket, message) => socket.SendAsync(message) });
        await test.Server.StartAsync();
        using RawClient client = await RawClient.OpenAsync(test.Server);

        await client.SendFrameAsync(Opcode.Text, "a");

        Assert.Equal("a", await client.ReadTextAsync());
    }

    private static async Task AssertSelectsAsync(WebSocketAcceptOptions accept, string? offered, string? expected)
    {
        await using ServerTest test = await ServerTest.EchoAsync(accept: accept);
        using RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SendAsync(RawClient.Request(test.Server, "/", offered is null ? "" : $"Sec-WebSocket-Protocol: {offered}\r\n"));

        string head = await client.ReadHeadAsync();

        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        string? line = head.Split("\r\n").SingleOrDefault(l => l.StartsWith("Sec-WebSocket-Protocol", StringComparison.Ordinal));
        Assert.Equal(expected is null ? null : $"Sec-WebSocket-Protocol: {expected}", line);
    }

    private static async Task ServeAsync(ServerTest test, Func<UpgradeRequest, Task> decide)
    {
        await foreach (UpgradeRequest request in test.Server.UpgradeRequestsAsync())
            await decide(request);
    }
}
