using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sockeye.Diagnostics;

namespace Sockeye;

/// <summary>Tunes Kestrel for WebSocket connections.</summary>
public static class WebSocketHostBuilderExtensions
{
    /// <summary>Has Kestrel accept and receive on the event loops of Sockeye, on Linux: a WebSocket connection without TLS costs what it costs the
    /// standalone server, and HTTP needs no hop to the thread pool for each read.</summary>
    /// <param name="builder">The host. Its server is Kestrel; other servers are not affected.</param>
    /// <param name="options">The loops; <see cref="EventLoopOptions.Default"/> where null. Those of a <see cref="WebSocketServer"/> with
    /// the same options are the same ones. Connections come to them in turn, whatever <see cref="EventLoopOptions.Accept"/> says.</param>
    /// <param name="backlog">How many connections wait until they are accepted; 512 by default.</param>
    /// <returns>The host.</returns>
    /// <remarks>What is received runs the application on the thread that received it; a request that was there before Kestrel began to
    /// read begins on a thread of the pool. One that blocks is noticed after some milliseconds, and
    /// another thread serves the others from then on. It goes for IP addresses and Unix domain sockets. On other systems, and where the
    /// environment variable <c>SOCKEYE_EVENT_LOOP</c> is <c>0</c>, nothing changes.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The backlog is not above 0.</exception>
    public static IWebHostBuilder UseEventLoops(this IWebHostBuilder builder, EventLoopOptions? options = null, int backlog = 512)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(backlog);
        options ??= EventLoopOptions.Default;
        return builder.ConfigureServices(services =>
        {
            if (options?.Group is { } group)
            {
                services.AddSingleton<IConnectionListenerFactory>(provider =>
                {
                    group.Logger = new GuardedLogger(provider.GetRequiredService<ILoggerFactory>(), "Sockeye.Server");
                    return new EventLoopListenerFactory(group, backlog, provider.GetRequiredService<IMemoryPoolFactory<byte>>());
                });
            }
        });
    }

    /// <summary>Has Kestrel receive and send in large blocks, and, where asked for, run handlers on the threads that do so: less processor time a
    /// message, for more memory and less protection.</summary>
    /// <param name="builder">The host. Its server is Kestrel; other servers are not affected.</param>
    /// <param name="blockSize">The size of a block in bytes, 4096 to 1 MiB; 64 KiB by default, and 4 KiB without this call. A message
    /// larger than a block costs Kestrel a system call for each. Every connection holds a block while bytes wait to be read, and others
    /// while bytes wait to be sent; idle ones hold none. This goes for all requests of the host, plain ones too: a client that sends half a
    /// head holds a block until <c>KestrelServerLimits.RequestHeadersTimeout</c>, so that many of them hold sixteen times what they would
    /// without. Bound them with <c>KestrelServerLimits.MaxConcurrentConnections</c>.</param>
    /// <param name="inlineScheduling">Whether handlers run on the threads that receive and send, without a hop to the thread pool for each
    /// read and each write (<see cref="SocketTransportOptions.UnsafePreferInlineScheduling"/>); not by default. It is worth most for small
    /// messages. A handler that blocks, or computes for long, then holds up other connections and requests of the host. Set the environment variable
    /// <c>DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS=1</c> besides to spare the hop below that, too.</param>
    /// <returns>The host.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The size is out of range.</exception>
    public static IWebHostBuilder TuneForWebSockets(this IWebHostBuilder builder, int blockSize = 65_536, bool inlineScheduling = false)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentOutOfRangeException.ThrowIfLessThan(blockSize, 4096);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blockSize, 1024 * 1024);
        return builder.ConfigureServices(services =>
        {
            services.AddSingleton<IMemoryPoolFactory<byte>>(new BlockPoolFactory(blockSize));
            if (inlineScheduling)
                services.Configure<SocketTransportOptions>(static options => options.UnsafePreferInlineScheduling = true);
        });
    }
}
