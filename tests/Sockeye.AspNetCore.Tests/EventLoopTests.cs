using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sockeye.Protocol;
using Sockeye.Testing;

namespace Sockeye.AspNetCore.Tests;

/// <summary>Kestrel on the event loops of Sockeye: what it serves there, plain HTTP included, and how a socket changes hands.</summary>
public sealed class EventLoopTests(ITestOutputHelper output)
{
    private static readonly EventLoopOptions OneLoop = new() { Loops = 1 };

    [Fact]
    public async Task Handler_runs_on_a_loop_and_one_that_blocks_does_not_hold_the_others()
    {
        using var released = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/block", async (WebSocketConnection socket, CancellationToken cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    {
                        string thread = Thread.CurrentThread.Name ?? "";
                        begun.SetResult();
                        Assert.True(released.Wait(WebHost.Patience, cancel));
                        await socket.SendTextAsync(thread, cancel);
                    }
                });
                app.MapWebSocket("/release", async (WebSocketConnection socket, CancellationToken cancel) =>
                {
                    await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                        released.Set();
                });
            },
            configure: builder => builder.WebHost.UseEventLoops(OneLoop));
        await using WebSocketConnection blocked = await host.OpenAsync("/block");
        await using WebSocketConnection other = await host.OpenAsync("/release");

        await blocked.SendTextAsync("wait");
        await begun.Task.WaitAsync(WebHost.Patience);
        await other.SendTextAsync("go");

        Assert.StartsWith("Sockeye event l", (await blocked.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Road.EventLoop)]
    [InlineData(Road.EventLoopTls)]
    public async Task Reply_leaves_although_the_handler_holds_the_loop_after_it(Road road)
    {
        using var released = new ManualResetEventSlim();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (WebSocketConnection socket, CancellationToken cancel) =>
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                {
                    await socket.SendTextAsync("reply", cancel);
                    Assert.True(released.Wait(WebHost.Patience, cancel));
                }
            }),
            road: road);
        await using WebSocketConnection client = await host.OpenAsync("/");

        await client.SendTextAsync("hello");

        Assert.Equal("reply", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience / 2)).GetText());
        released.Set();
        await client.CloseAsync();
    }

    [Fact]
    public async Task First_words_leave_although_the_handler_blocks_where_nobody_watches_it()
    {
        using var released = new ManualResetEventSlim();
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                // By then the loop is led elsewhere.
                app.Use(async (context, next) =>
                {
                    Thread.Sleep(50);
                    await next(context);
                });
                app.MapWebSocket("/", async (WebSocketConnection socket, CancellationToken cancel) =>
                {
                    await socket.SendTextAsync("welcome", cancel);
                    Assert.True(released.Wait(WebHost.Patience, cancel));
                });
            },
            road: Road.EventLoop);
        await using WebSocketConnection client = await host.OpenAsync("/");

        Assert.Equal("welcome", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience / 2)).GetText());
        released.Set();
    }

    // On a thread of the pool an exception would end the process.
    [Fact]
    public async Task Callback_at_the_end_of_a_connection_that_throws_is_logged()
    {
        using var logs = new Logs();
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(context =>
            {
                CancellationToken closed = context.Features.Get<IConnectionLifetimeFeature>()!.ConnectionClosed;
                closed.Register(() => throw new FormatException("no"));
                return Task.CompletedTask;
            }),
            configure: builder =>
            {
                builder.Logging.AddProvider(logs);
                builder.WebHost.UseEventLoops(new() { Loops = 3 }); // of this test alone
            });
        string answer = await host.AskAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        (int id, Exception? exception) = await logs.First.Task.WaitAsync(WebHost.Patience);
        Assert.Equal(201, id);
        Assert.IsType<AggregateException>(exception);
    }

    [Fact]
    public async Task Socket_changes_hands_while_the_thread_that_received_the_request_is_held()
    {
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.Use((context, next) =>
                {
                    Assert.True(Task.Run(() => next(context)).Wait(WebHost.Patience));
                    return Task.CompletedTask;
                });
                app.MapWebSocket("/", WebHost.EchoAsync);
            },
            road: Road.EventLoop);
        for (int i = 0; i < 5; i++)
        {
            await using Stream raw = await host.ConnectRawAsync();
            // Kestrel waits for the request by then, most times.
            await Task.Delay(10);
            await raw.WriteAsync(Encoding.ASCII.GetBytes(
                $"GET / HTTP/1.1\r\nHost: {host.Host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
            await raw.WriteAsync((byte[])[.. WebHost.Frame(Opcode.Text, "hello"u8), .. WebHost.CloseFrame]);
            using var reader = new StreamReader(raw, Encoding.Latin1);
            Assert.Contains("hello", await reader.ReadToEndAsync().WaitAsync(WebHost.Patience / 2), StringComparison.Ordinal);
        }
    }

    // The socket changes hands with the response: whatever the client has sent before it saw that is not lost, wherever the decision was made.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(30)]
    public async Task Frames_that_come_before_the_response_are_all_there_in_their_order(int connectionsAtATime)
    {
        const int Messages = 300;
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/{wander}", WebHost.EchoAsync, new()
            {
                Authorize = async request =>
                {
                    switch (request.Path)
                    {
                        case "/yield":
                            await Task.Yield();
                            break;
                        case "/later":
                            // So much comes meanwhile as may be read ahead.
                            await Task.Delay(20);
                            break;
                    }

                    return null;
                },
            }),
            road: Road.EventLoop);
        string[] paths = ["/at-once", "/yield", "/later"];
        await Task.WhenAll(Enumerable.Range(0, Math.Max(3, 3 * connectionsAtATime)).Select(i => EchoAsync(paths[i % 3], new Random(i))));

        async Task EchoAsync(string path, Random random)
        {
            await using Stream raw = await host.ConnectRawAsync();
            byte[] wire =
            [
                .. Encoding.ASCII.GetBytes(
                    $"GET {path} HTTP/1.1\r\nHost: {host.Host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"),
                .. Enumerable.Range(0, Messages).SelectMany(i => WebHost.Frame(Opcode.Binary, Payload(i))),
                .. WebHost.CloseFrame,
            ];
            Task sending = Task.Run(async () =>
            {
                for (int at = 0; at < wire.Length;)
                {
                    int count = connectionsAtATime == 0 ? wire.Length : Math.Min(random.Next(1, 40_000), wire.Length - at);
                    await raw.WriteAsync(wire.AsMemory(at, count));
                    at += count;
                    if (random.Next(4) == 0)
                        await Task.Delay(1);
                }
            });
            using var received = new MemoryStream();
            await raw.CopyToAsync(received).WaitAsync(WebHost.Patience);
            await sending;
            byte[] expected =
            [
                .. Enumerable.Range(0, Messages).SelectMany(i => Unmasked(Opcode.Binary, Payload(i))),
                .. Unmasked(Opcode.Close, [0x03, 0xE8]),
            ];
            byte[] answer = received.ToArray();
            int head = answer.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
            Assert.StartsWith("HTTP/1.1 101 ", Encoding.ASCII.GetString(answer, 0, head), StringComparison.Ordinal);
            Assert.Equal(expected, answer[head..]);
        }
    }

    [Fact]
    public async Task Plain_requests_are_answered_one_after_another_whatever_their_size()
    {
        byte[] large = RandomNumberGenerator.GetBytes(5_000_000);
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapPost("/hash", async (HttpRequest request) => Convert.ToHexString(await SHA256.HashDataAsync(request.Body)));
                app.MapGet("/large", () => Results.Bytes(large));
            },
            road: Road.EventLoop);
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage hashed = await client.PostAsync(new Uri($"http://{host.Host}/hash"), new ByteArrayContent(large));
            Assert.Equal(Convert.ToHexString(SHA256.HashData(large)), await hashed.Content.ReadAsStringAsync());
            Assert.Equal(large, await client.GetByteArrayAsync(new Uri($"http://{host.Host}/large")));
        }
    }

    [Fact]
    public async Task End_point_that_is_taken_is_told_as_Kestrel_tells_it()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: Road.EventLoop);
        await using WebApplication second = Build(options => options.Listen(IPAddress.Loopback, host.Port));

        IOException failure = await Assert.ThrowsAsync<IOException>(() => second.StartAsync());

        Assert.Contains($"{host.Port}: address already in use", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unix_domain_socket_is_listened_on()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sockeye-{Guid.NewGuid():N}.sock");
        await using WebApplication app = Build(options => options.ListenUnixSocket(path));
        app.MapWebSocket("/", WebHost.EchoAsync);
        await app.StartAsync();

        await using WebSocketConnection client = await WebSocketClient.ConnectAsync($"ws+unix:{path}:/").WaitAsync(WebHost.Patience);
        await client.SendTextAsync("hello");

        Assert.Equal("hello", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        await client.CloseAsync();
        await app.StopAsync().WaitAsync(WebHost.Patience);
    }

    [Fact]
    public Task Lack_of_descriptors_is_over_when_there_are_some() =>
        ApartProcess.RunAsync<EventLoopTests>(nameof(Apart_without_descriptors), output);

    [Fact(Explicit = true)]
    public async Task Apart_without_descriptors()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.MapWebSocket("/", WebHost.EchoAsync), road: Road.EventLoop);
        await AssertEchoAsync();
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        AppDomain.CurrentDomain.FirstChanceException += (_, e) =>
        {
            if (e.Exception is SocketException { SocketErrorCode: SocketError.TooManyOpenSockets })
                failed.TrySetResult();
        };
        // Connected, but not accepted: that takes a descriptor more.
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (Descriptors.TakeAll())
        {
            client.Connect(IPAddress.Loopback, host.Port);
            await failed.Task.WaitAsync(WebHost.Patience);
        }

        await AssertEchoAsync();

        async Task AssertEchoAsync()
        {
            await using WebSocketConnection socket = await host.OpenAsync("/");
            await socket.SendTextAsync("hello");
            Assert.Equal("hello", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
            await socket.CloseAsync();
        }
    }

    [Fact]
    public void Backlog_must_be_above_0() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => WebApplication.CreateSlimBuilder().WebHost.UseEventLoops(backlog: 0));

    private static WebApplication Build(Action<KestrelServerOptions> listen)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseEventLoops().ConfigureKestrel(listen);
        return builder.Build();
    }

    private static byte[] Payload(int i)
    {
        byte[] payload = new byte[4 + (i * 37 % 1000)];
        BinaryPrimitives.WriteInt32BigEndian(payload, i);
        return payload;
    }

    private static byte[] Unmasked(Opcode opcode, byte[] payload) => payload.Length < 126
        ? [(byte)(0x80 | (int)opcode), (byte)payload.Length, .. payload]
        : [(byte)(0x80 | (int)opcode), 126, (byte)(payload.Length >> 8), (byte)payload.Length, .. payload];

    /// <summary>Waits for the first error that Sockeye logs.</summary>
    private sealed class Logs : ILoggerProvider, ILogger
    {
        public TaskCompletionSource<(int, Exception?)> First { get; } = new();

        public ILogger CreateLogger(string categoryName) => categoryName == "Sockeye.Server" ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            First.TrySetResult((eventId.Id, exception));

        public void Dispose()
        {
            // Nothing is held.
        }
    }
}
