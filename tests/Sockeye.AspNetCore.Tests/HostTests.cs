using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sockeye.Protocol;
using Sockeye.Testing;
using Sockeye.Tests.Connection;

namespace Sockeye.AspNetCore.Tests;

/// <summary>What lies around an end point: middleware, the host and its end, the options, other servers.</summary>
public sealed class HostTests
{
    public static TheoryData<Road> Roads => [.. Enum.GetValues<Road>()];

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Stopping_host_closes_every_connection_with_1001_and_waits_for_it(Road road)
    {
        var ended = new List<CloseResult>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                await WebHost.EchoAsync(socket, cancel);
                CloseResult result = await socket.Closed;
                lock (ended)
                    ended.Add(result);
            }),
            road: road);
        using ClientWebSocket one = await host.ConnectAsync("/");
        using ClientWebSocket other = await host.ConnectAsync("/");
        await one.SendTextAsync("before");
        Assert.Equal("before", await one.ReceiveTextAsync());
        await other.SendTextAsync("before");
        Assert.Equal("before", await other.ReceiveTextAsync());

        Task stop = host.StopAsync();
        foreach (ClientWebSocket client in (ClientWebSocket[])[one, other])
        {
            Assert.Null(await client.ReceiveAsync());
            Assert.Equal((WebSocketCloseStatus.EndpointUnavailable, "Server shutting down"), (client.CloseStatus, client.CloseStatusDescription));
            await client.CloseAsync();
        }

        await stop;
        Assert.Equal([CloseCause.ServerShutdown, CloseCause.ServerShutdown], ended.Select(result => result.Cause));
        Assert.All(ended, result => Assert.True(result.IsClean));
    }

    [Fact]
    public async Task Stopping_host_closes_with_the_code_of_its_options_one_connection_after_another()
    {
        var clock = new ManualTimeProvider();
        var drain = new DrainOptions { Code = CloseCode.ServiceRestart, Reason = "Back soon", Spread = TimeSpan.FromSeconds(10) };
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", WebHost.EchoAsync),
            services => services.AddSockeye(new WebSocketHostOptions
            {
                Accept = new() { Connection = new() { TimeProvider = clock } },
                Drain = drain with { Timeout = TimeSpan.FromSeconds(20) },
            }));
        WebSocketConnection[] clients = [await host.OpenAsync("/"), await host.OpenAsync("/")];
        Task<CloseResult>[] ends = [.. clients.Select(client => client.Closed)];
        await Settle.UntilAsync(() => host.Services.GetRequiredService<WebSocketHost>().Connections.Count == clients.Length);

        Task stop = host.StopAsync();
        await UntilItWaitsAsync();
        clock.Advance(TimeSpan.FromSeconds(5)); // half of the span
        await Task.WhenAny(ends).WaitAsync(WebHost.Patience);
        Assert.Equal(1, ends.Count(end => end.IsCompleted));

        await UntilItWaitsAsync();
        clock.Advance(TimeSpan.FromSeconds(5));
        await stop.WaitAsync(WebHost.Patience);
        Assert.All(await Task.WhenAll(ends), end => Assert.Equal((CloseCode.ServiceRestart, "Back soon"), (end.Code, end.Reason)));

        // Whatever else is due on this clock is far away.
        Task UntilItWaitsAsync() => Settle.UntilAsync(() => clock.NextDue <= TimeSpan.FromMilliseconds(20));
    }

    [Theory]
    [InlineData(Road.Http11)]
    [InlineData(Road.Http2Tls)]
    [InlineData(Road.EventLoop)]
    public async Task Client_that_does_not_answer_is_aborted_at_the_deadline(Road road)
    {
        var cancelled = new TaskCompletionSource();
        await using WebHost host = await WebHost.StartAsync(
            app => app.MapWebSocket("/", async (socket, cancel) =>
            {
                cancel.Register(() => cancelled.SetResult());
                await cancelled.Task;
            }),
            services => services.AddSockeye(new WebSocketHostOptions { Drain = new() { Timeout = TimeSpan.FromMilliseconds(100) } }),
            road);
        ClientWebSocket client = await host.ConnectAsync("/");
        Task stop = host.StopAsync();
        await cancelled.Task.WaitAsync(WebHost.Patience);
        client.Dispose(); // Kestrel waits for the end of a connection of HTTP/2
        await stop;
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Middleware_upgrades_and_reads(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.Use(async (HttpContext context, RequestDelegate _) =>
            {
                await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync(new() { Subprotocols = ["v1"] });
                if (socket is not null)
                    await WebHost.EchoAsync(socket, default);
            }),
            road: road);
        using ClientWebSocket client = await host.ConnectAsync("/any", options => options.AddSubProtocol("v1"));
        Assert.Equal("v1", client.SubProtocol);
        await client.SendTextAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
        await client.CloseAsync();
        Assert.Equal(WebSocketState.Closed, client.State);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Connection_that_outlives_its_request_is_aborted(Road road)
    {
        var opened = new TaskCompletionSource<WebSocketConnection>();
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context => opened.SetResult((await context.UpgradeWebSocketAsync())!)), road: road);
        using ClientWebSocket client = await host.ConnectAsync("/");
        await Assert.ThrowsAsync<WebSocketException>(client.ReceiveAsync);
        WebSocketConnection connection = await opened.Task.WaitAsync(WebHost.Patience);
        Assert.Equal(CloseCode.Abnormal, (await connection.Closed.WaitAsync(WebHost.Patience)).Code);
        connection.Abort();
    }

    [Fact]
    public async Task Refused_upgrade_gives_null_and_has_been_answered()
    {
        bool? isNull = null;
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context => isNull = await context.UpgradeWebSocketAsync() is null));
        using var client = new HttpClient();
        using HttpResponseMessage response = await client.GetAsync(new Uri($"http://{host.Host}/"));
        Assert.Equal(426, (int)response.StatusCode);
        Assert.Equal("websocket", response.Headers.Upgrade.ToString());
        Assert.Contains("WebSocket server", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.True(isNull);
    }

    [Theory]
    [MemberData(nameof(Roads))]
    public async Task Request_is_inspected_first_and_then_accepted_or_answered(Road road)
    {
        await using WebHost host = await WebHost.StartAsync(
            app => app.Run(async context =>
            {
                UpgradeRequest request = context.GetUpgradeRequest();
                Assert.Null(request.Fault);
                Assert.Equal(13, request.ProtocolVersion);
                Assert.Equal(WebHost.HasTls(road), request.IsSecure);
                if (request.GetQueryValue("token") != "let me in")
                {
                    context.Response.StatusCode = 401;
                    context.Response.Headers["X-Offered"] = string.Join(' ', request.Subprotocols);
                    return;
                }

                await using WebSocketConnection? socket = await context.UpgradeWebSocketAsync(new() { Subprotocols = request.Subprotocols });
                await socket!.SendTextAsync(request.Path);
            }),
            road: road);
        var refused = await Assert.ThrowsAsync<WebSocketException>(() => host.ConnectAsync("/", options => options.AddSubProtocol("v1")));
        Assert.Contains("401", refused.Message, StringComparison.Ordinal);
        using ClientWebSocket client = await host.ConnectAsync("/in?token=let%20me%20in", options => options.AddSubProtocol("v1"));
        Assert.Equal(("v1", "/in"), (client.SubProtocol, await client.ReceiveTextAsync()));
    }

    [Fact]
    public async Task Plain_request_is_inspected_and_has_its_fault()
    {
        await using WebHost host = await WebHost.StartAsync(app => app.Run(async context =>
        {
            UpgradeRequest request = context.GetUpgradeRequest();
            var reject = await Assert.ThrowsAsync<InvalidOperationException>(() => request.RejectAsync(403));
            var accept = await Assert.ThrowsAsync<InvalidOperationException>(async () => await request.AcceptAsync());
            Assert.Equal(reject.Message, accept.Message);
            await context.Response.WriteAsync($"{request.Fault?.Message} {reject.Message}");
        }));
        using var client = new HttpClient();
        string answer = await client.GetStringAsync(new Uri($"http://{host.Host}/"));
        Assert.Contains("UpgradeWebSocketAsync", answer, StringComparison.Ordinal);
        Assert.Contains("Upgrade: websocket", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_of_the_application_hold_where_an_end_point_leaves_them_open()
    {
        var log = new CountingLogs();
        await using WebHost host = await WebHost.StartAsync(
            app =>
            {
                app.MapWebSocket("/none", WebHost.EchoAsync);
                app.MapWebSocket("/own", WebHost.EchoAsync, new WebSocketAcceptOptions { Subprotocols = ["v2"] });
            },
            services => services.AddSingleton<ILoggerFactory>(log).AddSockeye(_ => new WebSocketHostOptions
            {
                Accept = new WebSocketAcceptOptions
                {
                    Subprotocols = ["v1"],
                    AllowedOrigins = ["https://page.example"],
                    Connection = new WebSocketConnectionOptions { MaxMessageSize = 10 },
                },
            }));
        foreach ((string path, string subprotocol) in ((string, string)[])[("/none", "v1"), ("/own", "v2")])
        {
            await using WebSocketConnection socket = await host.OpenAsync(
                path, new() { Subprotocols = ["v1", "v2"], Origin = "https://page.example" });
            Assert.Equal(subprotocol, socket.Subprotocol);
            await socket.SendTextAsync("more than ten bytes");
            Assert.Equal(CloseCode.MessageTooBig, (await socket.Closed.WaitAsync(WebHost.Patience)).Code);
        }

        Assert.Equal(2, log.Opened);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_pass_through_the_pipes_of_the_connection_where_the_server_gives_them(bool hasPipe)
    {
        CountingPipes? pipes = null;
        await using WebHost host = await WebHost.StartAsync(app =>
        {
            app.Use((HttpContext context, RequestDelegate next) =>
            {
                if (hasPipe)
                {
                    pipes = new CountingPipes(context.Features.Get<IConnectionTransportFeature>()!.Transport);
                    context.Features.Set<IConnectionTransportFeature>(pipes);
                }

                return next(context);
            });
            app.MapWebSocket("/", WebHost.EchoAsync);
        });
        await using WebSocketConnection socket = await host.OpenAsync("/");
        await socket.SendTextAsync("echo");
        Assert.Equal("echo", (await socket.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.Equal(hasPipe, pipes?.Taken > 0);
    }

    [Fact]
    public async Task TestServer_with_an_upgrade_of_its_own_is_served_by_its_stream()
    {
        using IHost host = await new HostBuilder()
            .ConfigureWebHost(web => web.UseTestServer().ConfigureServices(services => services.AddRouting()).Configure(app =>
            {
                app.UseRouting();
                app.UseEndpoints(endpoints => endpoints.MapWebSocket("/{room}", async (HttpContext context, WebSocketConnection socket, CancellationToken cancel) =>
                {
                    await socket.SendTextAsync($"{context.Request.RouteValues["room"]}", cancel);
                    await WebHost.EchoAsync(socket, cancel);
                }));
            }))
            .StartAsync();
        var upgrade = new PipeUpgrade();
        Task<HttpContext> request = host.GetTestServer().SendAsync(context =>
        {
            context.Request.Method = "GET";
            context.Request.Path = "/kitchen";
            context.Request.Headers.Host = "localhost";
            context.Request.Headers.Upgrade = "websocket";
            context.Request.Headers.Connection = "Upgrade";
            context.Request.Headers.SecWebSocketVersion = "13";
            context.Request.Headers.SecWebSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";
            context.Features.Set<IHttpUpgradeFeature>(upgrade);
        });
        await using var client = WebSocketConnection.CreateFromStream(upgrade.Client, Role.Client);
        Assert.Equal("kitchen", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        await client.SendTextAsync("echo");
        Assert.Equal("echo", (await client.ReceiveAsync().AsTask().WaitAsync(WebHost.Patience)).GetText());
        Assert.True((await client.CloseAsync().WaitAsync(WebHost.Patience)).IsClean);
        await request.WaitAsync(WebHost.Patience);
        await host.StopAsync().WaitAsync(WebHost.Patience);
    }

    [Fact]
    public async Task Server_that_offers_no_upgrade_is_told_in_words()
    {
        using IHost host = await new HostBuilder()
            .ConfigureWebHost(web => web.UseTestServer().Configure(app => app.Run(async context =>
            {
                context.Request.Headers.Upgrade = "websocket";
                context.Request.Headers.Connection = "Upgrade";
                context.Request.Headers.SecWebSocketVersion = "13";
                context.Request.Headers.SecWebSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";
                await context.UpgradeWebSocketAsync();
            })))
            .StartAsync();
        var e = await Assert.ThrowsAsync<InvalidOperationException>(() => host.GetTestClient().GetAsync(new Uri("http://localhost/")));
        Assert.Contains("IHttpUpgradeFeature", e.Message, StringComparison.Ordinal);
    }

    /// <summary>The pipes of a connection, in which what is taken from them is counted.</summary>
    private sealed class CountingPipes(IDuplexPipe inner) : PipeReader, IConnectionTransportFeature, IDuplexPipe
    {
        private int _taken;

        public int Taken => Volatile.Read(ref _taken);

        public PipeReader Input => this;

        public PipeWriter Output => inner.Output;

        public IDuplexPipe Transport
        {
            get => this;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            ReadResult result = await inner.Input.ReadAsync(cancellationToken);
            Interlocked.Add(ref _taken, (int)result.Buffer.Length);
            return result;
        }

        public override bool TryRead(out ReadResult result) => inner.Input.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => inner.Input.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.Input.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.Input.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Input.Complete(exception);
    }

    /// <summary>An upgrade that gives one end of a pair of pipes.</summary>
    private sealed class PipeUpgrade : IHttpUpgradeFeature
    {
        private readonly Pipe _forth = new(new PipeOptions(useSynchronizationContext: false));
        private readonly Pipe _back = new(new PipeOptions(useSynchronizationContext: false));

        public bool IsUpgradableRequest => true;

        public Stream Client => new Ends(_back.Reader.AsStream(), _forth.Writer.AsStream());

        public Task<Stream> UpgradeAsync() => Task.FromResult<Stream>(new Ends(_forth.Reader.AsStream(), _back.Writer.AsStream()));
    }

    private sealed class Ends(Stream input, Stream output) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        public override void Flush() => output.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            output.Dispose();
            input.Dispose();
            base.Dispose(disposing);
        }
    }

    /// <summary>A factory of logs that counts the connections that were opened.</summary>
    private sealed class CountingLogs : ILoggerFactory, ILogger
    {
        private int _opened;

        public int Opened => Volatile.Read(ref _opened);

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (eventId.Id == 109)
                Interlocked.Increment(ref _opened);
        }

        public void Dispose()
        {
        }
    }
}
