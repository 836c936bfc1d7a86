using System.Net;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>Streams of <see cref="WebSocketClientOptions.ConnectCallback"/> that fail in ways of their own.</summary>
public sealed class UserStreamTests
{
    public static TheoryData<string, string?, HandshakeFailure, Type> Failures => new(
        from way in new (string Uri, string? Proxy, HandshakeFailure Cause)[]
        {
            ("ws://localhost/", null, HandshakeFailure.Ended),
            ("wss://localhost/", null, HandshakeFailure.Tls),
            ("ws://localhost/", "http://localhost:1", HandshakeFailure.Proxy),
            ("ws://localhost/", "https://localhost:1", HandshakeFailure.Proxy),
            ("ws://localhost/", "socks5://localhost:1", HandshakeFailure.Proxy),
            ("ws://localhost/", "socks4a://localhost:1", HandshakeFailure.Proxy),
        }
        from thrown in new[] { typeof(OperationCanceledException), typeof(ObjectDisposedException), typeof(InvalidOperationException) }
        select (way.Uri, way.Proxy, way.Cause, thrown));

    // A bare OperationCanceledException would look as if the caller's token had fired.
    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Stream_of_the_callback_that_throws_what_it_likes_is_a_failure_of_its_step(
        string uri, string? proxy, HandshakeFailure cause, Type thrown)
    {
        var stream = new ThrowingStream(() => (Exception)Activator.CreateInstance(thrown, "scripted")!);
        var options = new WebSocketClientOptions
        {
            ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(stream),
            Proxy = proxy is null ? null : new AnyProxy(new Uri(proxy)),
            Tls = TestCertificates.Trusting(),
        };
        var failure = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(uri, options).Soon());
        Assert.Equal(cause, failure.Cause);
        Assert.IsType(thrown, failure.GetBaseException());
        await stream.Disposed.Soon();
    }

    [Fact]
    public async Task ConnectCallback_that_is_cancelled_by_nobody_is_a_failure_to_connect()
    {
        var failure = await Assert.ThrowsAsync<WebSocketHandshakeException>(() => WebSocketClient.ConnectAsync(
            "ws://example.com/", new() { ConnectCallback = (_, _) => throw new TaskCanceledException("Its own patience is over.") }).Soon());
        Assert.Equal(HandshakeFailure.Connect, failure.Cause);
        Assert.Contains("Its own patience is over.", failure.Message, StringComparison.Ordinal);
    }

    private sealed class AnyProxy(Uri address) : IWebProxy
    {
        public ICredentials? Credentials { get; set; }

        public Uri GetProxy(Uri destination) => address;

        public bool IsBypassed(Uri host) => false;
    }

    private sealed class ThrowingStream(Func<Exception> thrown) : TestStream
    {
        private readonly TaskCompletionSource _disposed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Disposed => _disposed.Task;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException<int>(thrown());

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(thrown());

        protected override void Dispose(bool disposing)
        {
            _disposed.TrySetResult();
            base.Dispose(disposing);
        }
    }
}
