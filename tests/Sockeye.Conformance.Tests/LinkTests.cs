using System.Net;
using System.Net.Sockets;
using Sockeye.Protocol;

namespace Sockeye.Conformance.Tests;

/// <summary>The suite as a server, over sockets: it judges our client.</summary>
public sealed class LinkTests
{
    [Theory]
    [InlineData("1.1.7")]
    [InlineData("2.11")]
    [InlineData("3.4")]
    [InlineData("5.20")]
    [InlineData("6.4.4")]
    [InlineData("7.1.5")]
    [InlineData("7.9.4")]
    [InlineData("9.2.6")]
    [InlineData("9.7.2")]
    [InlineData("12.1.5")]
    [InlineData("13.5.12")]
    public async Task Our_client_passes_strictly(string id)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task client = EchoAsync($"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        Socket socket = await listener.AcceptSocketAsync();
        await using var link = new Link(new NetworkStream(socket, ownsSocket: false), socket);
        ConformanceCase one = CaseSelection.Select(CaseCatalog.Short, id)[0];

        DeflateParameters? agreed = await AcceptAsync(link, one.Deflate);
        uint mask = 0;
        using var play = new CasePlay(one, new PlaySettings { Role = Role.Server, Deflate = agreed, NextMask = () => ++mask, Patience = 5 });
        await LinkPlayer.PlayAsync(link, default, play, TimeProvider.System, CancellationToken.None);
        var result = CaseResult.Of(one, play.Transcript);

        Assert.Equal(one.Deflate is null, agreed is null);
        Assert.True(result is { Behavior: Behavior.Ok, BehaviorClose: CloseBehavior.Ok }, $"{result}\n{string.Join('\n', play.Log.Entries)}");
        await client;
    }

    [Fact]
    public async Task Play_whose_peer_has_ended_does_not_wait_for_a_write_that_nobody_takes()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var link = new Link(new TakesNothing(), socket);
        using var play = new CasePlay(CaseSelection.Select(CaseCatalog.Short, "29.1.2")[0], new PlaySettings { Role = Role.Client });
        await LinkPlayer.PlayAsync(link, default, play, TimeProvider.System, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(play.IsOver);
    }

    private static async Task EchoAsync(string url)
    {
        var options = new WebSocketClientOptions { Connection = new() { MaxMessageSize = 32 * 1024 * 1024 } };
        await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url, options);
        await foreach (WebSocketEvent e in socket.ReadEventsAsync())
        {
            if (e.Kind is WebSocketEventKind.Text or WebSocketEventKind.Binary)
                await socket.SendAsync(e.Message);
        }
    }

    private static async Task<DeflateParameters?> AcceptAsync(Link link, DeflateTerms? terms)
    {
        byte[] received = new byte[4096];
        var scanner = new HeadScanner();
        int length = 0;
        int headLength;
        while (!scanner.TryFindEnd(received.AsSpan(0, length), out headLength, out _))
            length += await link.Stream.ReadAsync(received.AsMemory(length));

        Assert.True(RequestHead.TryParse(received.AsSpan(0, headLength), out RequestHead? request, out _));
        Assert.True(ServerHandshake.TryEvaluate(request, out UpgradeOffer? offer, out _));
        DeflateParameters? agreed = null;
        ExtensionOffer? response = null;
        terms?.TryAccept(offer.Extensions, out agreed, out response);
        await link.Stream.WriteAsync(offer.Accept(extensions: response is null ? [] : [response]).ToBytes());
        return agreed;
    }

    /// <summary>A stream of HTTP/2 whose peer has ended its direction and grants no room for more.</summary>
    private sealed class TakesNothing : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}
