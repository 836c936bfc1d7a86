using System.Net;
using System.Net.Sockets;

namespace Sockeye.Tests.Faults;

/// <summary>Passes TCP connections on to a server that may change, and does to them what networks do: on real sockets, so that what lies in
/// the buffers of the system is lost as it is there.</summary>
internal sealed class ChaosForwarder : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Lock _sync = new();
    private readonly List<Passage> _passages = [];
    private readonly CancellationTokenSource _end = new();
    private int _target;

    public ChaosForwarder()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _ = AcceptAsync();
    }

    public Uri Uri => new($"ws://{_listener.LocalEndPoint}/");

    /// <summary>Gets or sets the port that new connections lead to; 0 resets them.</summary>
    public int Target
    {
        get => Volatile.Read(ref _target);
        set => Volatile.Write(ref _target, value);
    }

    /// <summary>Drops every byte of the connections that are there from now on, both ways, and tells nobody; new ones pass.</summary>
    public void Drop()
    {
        lock (_sync)
            _passages.ForEach(passage => passage.IsDropping = true);
    }

    /// <summary>Resets all connections, both ends.</summary>
    public void Reset()
    {
        lock (_sync)
        {
            _passages.ForEach(passage => passage.Reset());
            _passages.Clear();
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        Reset();
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptAsync(_end.Token);
                _ = PassAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test has ended.
        }
    }

    private async Task PassAsync(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        var passage = new Passage(client, server);
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, Target);
            lock (_sync)
                _passages.Add(passage);
            await Task.WhenAll(passage.CopyAsync(client, server), passage.CopyAsync(server, client));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or ArgumentOutOfRangeException)
        {
            // One of them broke, and so does the other.
        }

        passage.Reset();
        lock (_sync)
            _passages.Remove(passage);
    }

    /// <summary>One connection of each side.</summary>
    private sealed class Passage(Socket client, Socket server)
    {
        private volatile bool _isDropping;

        public bool IsDropping
        {
            get => _isDropping;
            set => _isDropping = value;
        }

        public async Task CopyAsync(Socket from, Socket to)
        {
            byte[] buffer = new byte[16 * 1024];
            while (await from.ReceiveAsync(buffer.AsMemory()) is > 0 and int count)
            {
                for (int sent = 0; sent < count && !IsDropping;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }

            if (!IsDropping)
                to.Shutdown(SocketShutdown.Send);
        }

        public void Reset()
        {
            client.Close(0);
            server.Close(0);
        }
    }
}
