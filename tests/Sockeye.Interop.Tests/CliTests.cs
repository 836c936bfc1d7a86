using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The tool, as a user runs it, with real peers.</summary>
public sealed class CliTests
{
    public static TheoryData<string, string> Clients => Peers.Clients;

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task Echo_passes_a_session_of_each_real_client(string peer, string scheme)
    {
        string[] tls = scheme == "wss" ? ["--cert", Peers.Certificate("server.pfx")] : [];
        await using PeerProcess server = PeerProcess.StartTool(["echo", "--port", "0", .. tls]);
        string port = server.WaitForLine($"Listening on {scheme}://127.0.0.1:");
        await using PeerProcess client = Peers.StartClient(peer, $"{scheme}://localhost:{port}/", plain: true);

        Assert.True(await client.WaitForExitAsync() == 0, $"{peer} failed:\n{client.Output}");
        server.Interrupt();
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Echo_verbose_prints_every_event()
    {
        await using PeerProcess server = PeerProcess.StartTool("echo", "--port", "0", "--verbose");
        string port = server.WaitForLine("Listening on ws://127.0.0.1:");
        await using PeerProcess client = Peers.StartClient("ws", $"ws://127.0.0.1:{port}/", plain: true);
        Assert.Equal(0, await client.WaitForExitAsync());

        foreach (string what in (string[])["open", "text 0 bytes", "binary 1048576 bytes", "ping ", "close 4001 bye from client (Peer)", "close 1000"])
        {
            while (!server.Output.Contains(what, StringComparison.Ordinal))
                server.WaitForLine("");
        }
    }

    // V45
    [Fact]
    public async Task Reason_of_a_peer_is_shown_and_steers_no_terminal()
    {
        const string Reason = "\u001B[2J\u009B31m\r\nclosed 1000 \u202E";
        const string Shown = @"\u001B[2J\u009B31m\r\nclosed 1000 \u202E";
        await using PeerProcess echo = PeerProcess.StartTool("echo", "--port", "0", "--verbose");
        string port = echo.WaitForLine("Listening on ws://127.0.0.1:");
        await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws://127.0.0.1:{port}/");
        await client.CloseAsync(CloseCode.GoingAway, Reason);
        while (!echo.Output.Contains($"close 1001 {Shown} (Peer)", StringComparison.Ordinal))
            echo.WaitForLine("");
        echo.Interrupt();
        Assert.Equal(0, await echo.WaitForExitAsync());

        await using var server = new WebSocketServer(new() { Port = 0 });
        server.Map("/", (socket, cancel) => socket.CloseAsync(CloseCode.GoingAway, Reason, cancel));
        await server.StartAsync();
        await using PeerProcess connect = PeerProcess.StartTool("connect", $"ws://{server.EndPoints[0]}/");
        await connect.WaitForExitAsync();
        Assert.Contains($"closed 1001 {Shown}", connect.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(echo.Output + connect.Output, c => c is '\u001B' or '\u009B' or '\u202E');
    }

    [Fact]
    public async Task Connect_talks_to_npm_ws()
    {
        await using PeerProcess server = Peers.StartServer("ws", "wss");
        string port = server.WaitForLine("LISTENING ");
        await using PeerProcess connect = PeerProcess.StartTool(
            "connect", $"wss://localhost:{port}/", "-H", "X-Test: 1", "-s", "echo.v1", "--cacert", Peers.Certificate("ca.pem"));
        await connect.Input.WriteLineAsync("hello κόσμε");
        Assert.Equal("", connect.WaitForLine("hello κόσμε"));
        await connect.Input.WriteLineAsync("!close 4321 so long");
        // The peer closes before it gets to the ping behind that line, with a code that says nothing of it.
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Contains("closed 4321 so long", connect.Output, StringComparison.Ordinal);
        Assert.Contains("1 line may not have arrived.", connect.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_in_a_pipe_sends_all_lines_and_prints_all_answers()
    {
        await using PeerProcess server = Peers.StartServer("ws", "ws");
        string port = server.WaitForLine("LISTENING ");
        await using PeerProcess connect = PeerProcess.StartTool("connect", $"ws://localhost:{port}/");
        for (int i = 0; i < 100; i++)
            await connect.Input.WriteLineAsync($"line {i}");
        connect.Input.Close();
        Assert.Equal(0, await connect.WaitForExitAsync());
        for (int i = 0; i < 100; i++)
            Assert.Equal("", connect.WaitForLine($"line {i}"));
        Assert.Contains("closed 1000", connect.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_where_nobody_listens_fails_with_1()
    {
        await using PeerProcess connect = PeerProcess.StartTool("connect", "ws://127.0.0.1:1/");
        Assert.Equal(1, await connect.WaitForExitAsync());
        Assert.Contains("127.0.0.1 port 1", connect.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Chat_answers_by_the_table_of_the_article()
    {
        await using PeerProcess server = PeerProcess.StartTool("chat", "--listen", "0");
        string port = server.WaitForLine("Listening on ws://127.0.0.1:");
        server.WaitForLine("Waiting for clients ...");
        await using PeerProcess client = PeerProcess.StartTool("chat", $"ws://localhost:{port}");
        client.WaitForLine("Connecting to server ...");
        client.WaitForLine("Connected to server ...");
        server.WaitForLine("Incoming connection from client ...");
        server.WaitForLine("Connection established with client ...");
        const string Greeting = "Hi, how can I help you today?";
        Assert.Equal(Greeting, server.WaitForLine("SERVER >> "));
        Assert.Equal(Greeting, client.WaitForLine("SERVER >> "));

        (string Say, string Sent, string Answer)[] talk =
        [
            ("I need help", "I need help", "Sure, I am here to help. Can you briefly describe the problem."),
            ("help me with this", "help me with this", Greeting), // "this" holds "hi", the later key
            ("hello", "hello", Greeting),
            ("", "No reply", "Sorry, I am unable to understand you."),
        ];
        foreach ((string say, string sent, string answer) in talk)
        {
            await client.Input.WriteLineAsync(say);
            Assert.Equal(sent, server.WaitForLine("CLIENT >> "));
            Assert.Equal(answer, server.WaitForLine("SERVER >> "));
            Assert.Equal(answer, client.WaitForLine("Client >> SERVER >> "));
        }

        await client.Input.WriteLineAsync("exit");
        Assert.Equal("", client.WaitForLine("Client >> Disconnected from server ..."));
        Assert.Equal(0, await client.WaitForExitAsync());
        server.WaitForLine("Connection closed by client ...");
        server.Interrupt();
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    [Fact]
    public async Task Chat_with_a_key_lets_in_who_has_it_in_the_header_or_in_the_url()
    {
        await using PeerProcess server = PeerProcess.StartTool("chat", "--listen", "0", "--key", "sesame");
        string port = server.WaitForLine("Listening on ws://127.0.0.1:");
        string url = $"ws://127.0.0.1:{port}/";
        foreach (string[] arguments in (string[][])[[url], [url, "--key", "wrong"], [$"{url}?accessToken=wrong"]])
        {
            await using PeerProcess refused = PeerProcess.StartTool(["chat", .. arguments]);
            Assert.Equal(1, await refused.WaitForExitAsync());
            Assert.Contains("403", refused.Output, StringComparison.Ordinal);
            Assert.Contains("Failed to connect to server ... exiting", refused.Output, StringComparison.Ordinal);
        }

        foreach (string[] arguments in (string[][])[[url, "--key", "sesame"], [$"{url}?accessToken=sesame"]])
        {
            await using PeerProcess client = PeerProcess.StartTool(["chat", .. arguments]);
            client.WaitForLine("Connected to server ...");
            client.WaitForLine("SERVER >> ");
            await client.Input.WriteLineAsync("exit");
            Assert.Equal(0, await client.WaitForExitAsync());
        }
    }

    [Fact]
    public async Task Chat_answers_a_bad_upgrade_with_400_and_goes_on()
    {
        await using PeerProcess server = PeerProcess.StartTool("chat", "--listen", "0");
        string port = server.WaitForLine("Listening on ws://127.0.0.1:");
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/");
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", "13");
        using HttpResponseMessage response = await http.SendAsync(request);
        Assert.Equal(400, (int)response.StatusCode);

        await using PeerProcess client = PeerProcess.StartTool("chat", $"ws://127.0.0.1:{port}");
        client.WaitForLine("Connected to server ...");
        await client.Input.WriteLineAsync("exit");
        Assert.Equal(0, await client.WaitForExitAsync());
    }

    [Fact]
    public async Task Chat_where_nobody_listens_fails_with_1()
    {
        await using PeerProcess client = PeerProcess.StartTool("chat", "ws://127.0.0.1:1");
        Assert.Equal(1, await client.WaitForExitAsync());
        client.WaitForLine("Connecting to server ...");
        Assert.Contains("Failed to connect to server ... exiting", client.Output, StringComparison.Ordinal);
    }
}
