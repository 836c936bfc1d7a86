namespace Sockeye.Tests.Server;

/// <summary>Row V25 of the attack catalogue: whatever comes behind a request that is refused is never taken for another one.</summary>
public sealed class SmugglingTests
{
    private const string Line = "GET /closed HTTP/1.1\r\n";
    private const string Host = "Host: a\r\n";
    private const string Upgrade = "Upgrade: websocket\r\n";
    private const string Connection = "Connection: Upgrade\r\n";
    private const string Keys = "Sec-WebSocket-Key: " + RawClient.Key + "\r\n";
    private const string Version = "Sec-WebSocket-Version: 13\r\n";
    private const string Headers = Host + Upgrade + Connection + Keys + Version;

    /// <summary>Gets requests that each differ from a good one in one thing.</summary>
    private static IEnumerable<string> Requests =>
    [
        // What asks for no upgrade.
        .. Each("POST,PUT,PATCH,DELETE,HEAD,OPTIONS,TRACE,CONNECT,get,GETT", method => $"{method} /closed HTTP/1.1\r\n" + Headers + "\r\n"),
        .. Each("h2c,notwebsocket,websocketx,web socket,websocket/13,\"websocket\",", upgrade =>
            Line + Host + $"Upgrade: {upgrade}\r\n" + Connection + Keys + Version + "\r\n"),
        .. Each("notupgrade,upgrade-insecure,close,keep-alive,Up grade,", connection =>
            Line + Host + Upgrade + $"Connection: {connection}\r\n" + Keys + Version + "\r\n"),
        .. Each("7,12,14,+13,013,0x0d,", version => Line + Host + Upgrade + Connection + Keys + $"Sec-WebSocket-Version: {version}\r\n\r\n"),
        Line + Host + Upgrade + Connection + Keys + "Sec-WebSocket-Version: 13, 8\r\n\r\n",
        Line + Headers + Version + "\r\n",
        Line + Host + Upgrade + Connection + Keys + "\r\n",
        Line + Host + Upgrade + Connection + Version + "\r\n",
        Line + Headers + Keys + "\r\n",

        // What declares a body.
        .. Each("1,5,200,+5,-1,-0,+0,0x0,00,5;5,a,18446744073709551616,", length => Line + Headers + $"Content-Length: {length}\r\n\r\nhello"),
        Line + Headers + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        Line + Headers + "Content-Length: 0, 0\r\n\r\n",
        Line + Headers + "Content-Length : 0\r\n\r\n",
        .. Each("chunked,Chunked,identity,gzip; chunked,xchunked,\vchunked,", coding =>
            Line + Headers + $"Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n"),
        Line + Headers + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        Line + Headers + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
        Line + Headers + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        Line + Headers + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Line + Headers + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        Line + Headers + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",

        // What two parsers may read in two ways.
        .. Each("HTTP/1.0,HTTP/1.2,HTTP/2.0,HTTP/0.9,http/1.1,HTTP/1.1 ,HTTP/01.1,HTTP/1.10,HTTP/1,", version =>
            $"GET /closed {version}\r\n" + Headers + "\r\n"),
        "GET /closed HTTP/1.1\n" + Headers + "\r\n",
        Line + "Host: a\n" + Upgrade + Connection + Keys + Version + "\r\n",
        Line + "Host: a\rX: y\r\n" + Upgrade + Connection + Keys + Version + "\r\n",
        Line + "Host: a\r\r\n" + Upgrade + Connection + Keys + Version + "\r\n",
        Line + Headers + "\n",
        "\r\n" + Line + Headers + "\r\n",
        Line + Headers + "X: a\0b\r\n\r\n",
        Line + Headers + " X: y\r\n\r\n",
        Line + Headers + "\tX: y\r\n\r\n",
        Line + Headers + ": y\r\n\r\n",
        Line + Headers + "X\r\n\r\n",
        Line + Headers + "X Y: z\r\n\r\n",
        "GET  /closed HTTP/1.1\r\n" + Headers + "\r\n",
        "GET /closed#x HTTP/1.1\r\n" + Headers + "\r\n",
        "GET\t/closed\tHTTP/1.1\r\n" + Headers + "\r\n",
        "GET * HTTP/1.1\r\n" + Headers + "\r\n",
        "GET closed HTTP/1.1\r\n" + Headers + "\r\n",
        "GET http://b/closed HTTP/1.1\r\n" + Headers + "\r\n",
        "GET http://a@b/closed HTTP/1.1\r\n" + Headers + "\r\n",
        .. Each("a b,a/b,a@b,[::1,a:b,a:99999,", host => Line + $"Host: {host}\r\n" + Upgrade + Connection + Keys + Version + "\r\n"),
        Line + Host + Headers + "\r\n",
        Line + Upgrade + Connection + Keys + Version + "\r\n",
    ];

    [Fact]
    public async Task Request_behind_one_that_is_refused_is_never_looked_at()
    {
        int handled = 0;
        await using var test = new ServerTest();
        foreach (string path in (string[])["/closed", "/hidden"])
        {
            test.Server.Map(path, (_, _) =>
            {
                Interlocked.Increment(ref handled);
                return Task.CompletedTask;
            });
        }

        test.Server.Map("/any", ServerTest.EchoAsync);
        await test.Server.StartAsync();
        string hidden = RawClient.Request(test.Server, "/hidden");
        string[] requests = [.. Requests];
        Assert.InRange(requests.Length, 80, 200);
        Assert.Equal(requests.Length, requests.Distinct(StringComparer.Ordinal).Count());

        foreach (string request in requests)
        {
            string answer = await RawClient.AskAsync(test.Server, request + hidden);

            Assert.True(answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), $"Not refused:\n{request}\n{answer}");
            Assert.True(answer.Split("\r\nConnection: close").Length == 2, $"Not one answer:\n{request}\n{answer}");
        }

        Assert.Equal(0, handled);
        await test.AssertServesAsync();
        await test.AssertNothingIsLeftAsync();
    }

    // The good one is good: the table shows what it is meant to show.
    [Fact]
    public async Task Switch_has_no_body_and_what_comes_behind_it_is_frames()
    {
        await using ServerTest test = await ServerTest.EchoAsync();
        using RawClient client = await RawClient.ConnectAsync(test.Server);

        await client.SendAsync(Line + Headers + "\r\n" + RawClient.Request(test.Server, "/hidden"));

        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-Length", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(1002, (await client.ReadCloseAsync()).Code); // "GE" is no frame
    }

    private static IEnumerable<string> Each(string values, Func<string, string> request) => values.Split(',').Select(request);
}
