using System.Collections.Concurrent;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>permessage-deflate with npm <c>ws</c>, which has every parameter of it too, in both directions.</summary>
public sealed class DeflateTests
{
    /// <summary>Our options, those of ws, and what they agree on.</summary>
    public static TheoryData<PerMessageDeflateOptions, string, DeflateParameters> OurClient => new()
    {
        { new() { ServerNoContextTakeover = true }, "{}", new() { ServerNoContextTakeover = true } },
        { new() { ClientNoContextTakeover = true }, "{}", new() { ClientNoContextTakeover = true } },
        { new(), """{"serverNoContextTakeover":true,"clientNoContextTakeover":true}""", NoContext },
        { new() { ServerMaxWindowBits = 9 }, "{}", new() { ServerMaxWindowBits = 9 } },
        { new() { ClientMaxWindowBits = 8 }, """{"clientMaxWindowBits":8}""", new() { ClientMaxWindowBits = 8 } },
        { new() { ServerMaxWindowBits = 12 }, """{"serverMaxWindowBits":10,"clientMaxWindowBits":11}""", new() { ServerMaxWindowBits = 10, ClientMaxWindowBits = 11 } },
        { new() { Level = 9, MemoryLevel = 1, Strategy = DeflateStrategy.HuffmanOnly, Threshold = 0 }, """{"threshold":0}""", new() },
    };

    public static TheoryData<PerMessageDeflateOptions, string, DeflateParameters> OurServer => new()
    {
        { new() { ServerNoContextTakeover = true }, "{}", new() { ServerNoContextTakeover = true } },
        { new() { ClientNoContextTakeover = true }, "{}", new() { ClientNoContextTakeover = true } },
        { new(), """{"serverNoContextTakeover":true,"clientNoContextTakeover":true}""", NoContext },
        { new(), """{"serverMaxWindowBits":8}""", new() { ServerMaxWindowBits = 8 } },
        { new() { ClientMaxWindowBits = 8 }, "{}", new() { ClientMaxWindowBits = 8 } },
        { new() { ServerMaxWindowBits = 10, ClientMaxWindowBits = 12 }, """{"clientMaxWindowBits":9}""", new() { ServerMaxWindowBits = 10, ClientMaxWindowBits = 9 } },
        { new() { Level = 1, MemoryLevel = 9, Strategy = DeflateStrategy.Fixed, Threshold = 0 }, """{"threshold":0}""", new() },
    };

    private static DeflateParameters NoContext => new() { ServerNoContextTakeover = true, ClientNoContextTakeover = true };

    [Theory]
    [MemberData(nameof(OurClient))]
    public async Task Our_client_and_ws_agree(PerMessageDeflateOptions options, string theirs, DeflateParameters expected)
    {
        await using PeerProcess server = Peers.StartServer("ws", "ws", theirs);
        string port = server.WaitForLine("LISTENING ");

        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(
            $"ws://localhost:{port}/", new() { Subprotocols = ["echo.v1"], PerMessageDeflate = options });
        Assert.Equal(expected, socket.PerMessageDeflate);
        for (int round = 0; round < 3; round++)
        {
            foreach (int size in Payloads.Sizes)
            {
                await socket.SendTextAsync(Payloads.Text(size), round == 1 ? SendOptions.DoNotCompress : SendOptions.None);
                Assert.Equal(Payloads.Text(size), (await socket.ReceiveAsync()).GetText());
            }
        }

        CloseResult end = await socket.CloseAsync();
        Assert.True(end.IsClean, end.ToString());
        Assert.DoesNotContain("\"event\":\"error\"", server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(OurServer))]
    public async Task Ws_and_our_server_agree(PerMessageDeflateOptions options, string theirs, DeflateParameters expected)
    {
        ConcurrentQueue<DeflateParameters?> agreed = [];
        await using WebSocketServer server = await EchoHost.StartAsync("ws", deflate: options, agreed: agreed);
        await using PeerProcess client = Peers.StartClient("ws", EchoHost.UrlOf(server, "ws"), deflate: theirs);
        int exitCode = await client.WaitForExitAsync();

        Assert.True(exitCode == 0, $"ws failed:\n{client.Output}");
        Assert.Equal([expected, expected, expected], agreed);
    }
}
