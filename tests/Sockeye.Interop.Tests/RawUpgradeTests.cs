using System.Net.Sockets;
using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Interop.Tests;

/// <summary>The sample of an upgrade on a listener of one's own: the application reads the head, and nothing behind it is lost.</summary>
public sealed class RawUpgradeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(int.MaxValue)]
    public async Task Messages_that_come_with_the_head_are_received_in_whatever_pieces(int piece)
    {
        await using PeerProcess server = Start(out string address);
        using var tcp = new TcpClient { NoDelay = true };
        await ConnectAsync(tcp, address);
        NetworkStream stream = tcp.GetStream();
        using var bytes = new MemoryStream();
        bytes.Write(new ClientHandshake(address, "/", WebSocketWire.CreateHandshakeKey()).CreateRequest().ToBytes());
        string[] texts = ["behind the head", "and one more 🐟"];
        foreach (string text in texts)
            await WebSocketWire.WriteFrameAsync(bytes, Opcode.Text, Encoding.UTF8.GetBytes(text), maskKey: WebSocketWire.CreateMaskKey());

        foreach (byte[] part in bytes.ToArray().Chunk(piece))
            await stream.WriteAsync(part);

        Assert.StartsWith("HTTP/1.1 101 ", await ReadHeadAsync(stream), StringComparison.Ordinal);
        foreach (string text in texts)
        {
            WebSocketFrame? frame = await WebSocketWire.ReadFrameAsync(stream, Role.Client);
            Assert.Equal(text, Encoding.UTF8.GetString(frame!.Value.Payload.Span));
        }

        server.Kill();
    }

    [Fact]
    public async Task Client_of_the_echo_talks_to_it()
    {
        await using PeerProcess server = Start(out string address);
        await using PeerProcess client = PeerProcess.Start("dotnet", Repository.Program("EchoClient"), $"ws://{address}");
        Assert.Equal("hello", client.WaitForLine("Received: "));
        Assert.Equal(0, await client.WaitForExitAsync());
        server.Kill();
    }

    [Fact]
    public async Task What_asks_for_no_upgrade_is_answered_by_the_application()
    {
        await using PeerProcess server = Start(out string address);
        using var browser = new HttpClient();
        Assert.Equal("This is plain HTTP.\n", await browser.GetStringAsync(new Uri($"http://{address}/")));

        using var tcp = new TcpClient();
        await ConnectAsync(tcp, address);
        await tcp.GetStream().WriteAsync("hello\r\n\r\n"u8.ToArray());
        Assert.StartsWith("HTTP/1.1 400 ", await ReadHeadAsync(tcp.GetStream()), StringComparison.Ordinal);
        server.WaitForLine("Ended: ");
        server.Kill();
    }

    private static PeerProcess Start(out string address)
    {
        PeerProcess server = PeerProcess.Start("dotnet", Repository.Program("RawUpgrade"), "0");
        address = server.WaitForLine("Listening on http://");
        return server;
    }

    private static Task ConnectAsync(TcpClient tcp, string address) =>
        tcp.ConnectAsync(System.Net.IPEndPoint.Parse(address));

    private static async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) > 0)
            head.Append((char)one[0]);
        return head.ToString();
    }
}
