using Sockeye.Protocol;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

/// <summary>Each message of the client of npm ws about an answer has its counterpart: the tables of docs/coming-from-ws.md.</summary>
public sealed class WsMessagesTests
{
    private const string Open =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";

    [Theory]
    [InlineData("Unexpected server response: 403", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n", HandshakeFailure.Status, null)]
    [InlineData("Invalid Upgrade header", "HTTP/1.1 101 Fine\r\nUpgrade: foo\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n", HandshakeFailure.Protocol, HandshakeRule.ResponseUpgradeMustBeWebSocket)]
    [InlineData("Invalid Sec-WebSocket-Accept header", "HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: foo\r\n", HandshakeFailure.Protocol, HandshakeRule.AcceptMustAnswerKey)]
    [InlineData("Server sent a subprotocol but none was requested", Open + "Sec-WebSocket-Protocol: foo\r\n", HandshakeFailure.Protocol, HandshakeRule.SubprotocolMustBeOffered)]
    [InlineData("Server sent an invalid subprotocol", Open + "Sec-WebSocket-Protocol: foo\r\n", HandshakeFailure.Protocol, HandshakeRule.SubprotocolMustBeOffered, "bar")]
    [InlineData("Server sent no subprotocol", Open, HandshakeFailure.Protocol, HandshakeRule.SubprotocolMustBeSelected, "bar")]
    [InlineData("Server sent a Sec-WebSocket-Extensions header but no extension was requested", Open + "Sec-WebSocket-Extensions: permessage-deflate\r\n", HandshakeFailure.Protocol, HandshakeRule.ExtensionMustBeOffered, null, false)]
    [InlineData("Server indicated an extension that was not requested", Open + "Sec-WebSocket-Extensions: foo\r\n", HandshakeFailure.Protocol, HandshakeRule.ExtensionMustBeOffered)]
    [InlineData("Invalid Sec-WebSocket-Extensions header", Open + "Sec-WebSocket-Extensions: foo;=bar\r\n", HandshakeFailure.Protocol, HandshakeRule.ExtensionsMustBeWellFormed)]
    [InlineData("Invalid Sec-WebSocket-Extensions header", Open + "Sec-WebSocket-Extensions: permessage-deflate; foo\r\n", HandshakeFailure.Protocol, HandshakeRule.DeflateMustAnswerOffer)]
    public async Task Message_of_ws_has_its_counterpart(
        string message, string answer, HandshakeFailure cause, HandshakeRule? rule, string? subprotocol = null, bool compresses = true)
    {
        using var server = new RawServer();
        Task answering = server.AnswerAsync(answer + "\r\n");

        var thrown = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(server.Uri, new()
        {
            Subprotocols = subprotocol is null ? [] : [subprotocol],
            PerMessageDeflate = compresses ? PerMessageDeflateOptions.Default : null,
        }).Soon());

        await answering;
        Assert.Equal((cause, rule), (thrown.Cause, thrown.Fault?.Rule));
        string page = await File.ReadAllTextAsync(Path.Combine(Sockeye.Testing.Checkout.Root, "docs", "coming-from-ws.md"));
        string row = page.Split('\n').Single(line => line.Contains($"\"{message}\"", StringComparison.Ordinal));
        Assert.Contains(rule?.ToString() ?? $"{cause}", row, StringComparison.Ordinal);
    }
}
