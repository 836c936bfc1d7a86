using System.Buffers;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What the helper changes of Kestrel.</summary>
public sealed class TuningTests
{
    private const int BlockSize = 64 * 1024;

    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Large_messages_come_back_from_a_tuned_host(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync),
            road: road,
            configure: builder => builder.WebHost.TuneForWebSockets(inlineScheduling: true));
        using ClientWebSocket client = await host.ConnectAsync("/");
        byte[] payload = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7))];
        for (int i = 0; i < 3; i++)
        {
            Task send = client.SendAsync(payload, WebSocketMessageType.Binary, endOfMessage: true, CancellationToken.None);
            Assert.Equal(payload, await client.ReceiveAsync());
            await send;
        }

        await client.CloseAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pool_of_a_connection_has_the_size_of_the_helper_and_inline_scheduling_is_asked_for(bool isInline)
    {
        int? size = null;
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(context =>
            {
                size = context.Features.Get<IMemoryPoolFeature>()?.MemoryPool.MaxBufferSize;
                return Task.CompletedTask;
            }),
            configure: builder => builder.WebHost.TuneForWebSockets(8192, isInline));
        using var client = new HttpClient();
        using HttpResponseMessage response = await client.GetAsync(new Uri($"http://{host.Host}/"));
        Assert.Equal(8192, size);
        Assert.Equal(isInline, host.Services.GetRequiredService<IOptions<SocketTransportOptions>>().Value.UnsafePreferInlineScheduling);
    }

    [Theory]
    [InlineData(4095)]
    [InlineData(1_048_577)]
    public void Size_out_of_range_is_refused(int size) => Assert.Throws<ArgumentOutOfRangeException>(
        () => WebApplication.CreateSlimBuilder().WebHost.TuneForWebSockets(size));

    [Fact]
    public void Block_comes_back_to_the_next_one_who_asks_and_only_once()
    {
        using var pool = new BlockPool(BlockSize);
        IMemoryOwner<byte> first = pool.Rent();
        Assert.Equal(BlockSize, first.Memory.Length);
        Memory<byte> memory = first.Memory;
        first.Dispose();
        first.Dispose();
        using IMemoryOwner<byte> second = pool.Rent(BlockSize);
        using IMemoryOwner<byte> third = pool.Rent(1);
        Assert.True(memory.Equals(second.Memory));
        Assert.False(memory.Equals(third.Memory));
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(BlockSize + 1));
    }

    [Fact]
    public void Pool_keeps_so_many_blocks_and_no_more()
    {
        const int Size = 1024 * 1024;
        using var pool = new BlockPool(Size);
        IMemoryOwner<byte>[] rush = [.. Enumerable.Range(0, (BlockPool.MaxKept / Size) + 3).Select(_ => pool.Rent())];
        foreach (IMemoryOwner<byte> block in rush)
            block.Dispose();
        var known = rush.ToHashSet();
        int again = Enumerable.Range(0, rush.Length).Count(_ => known.Contains(pool.Rent()));
        Assert.Equal(BlockPool.MaxKept / Size, again);
    }
}
