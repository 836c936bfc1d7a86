using Sockeye.Protocol;

namespace Sockeye.Tests.Connection;

/// <summary>Echoes, counts what is allocated for each message after the first ones, and ends the connection when it knows.</summary>
internal sealed class AllocationCount(int counted, double limit)
{
#if DEBUG
    // There the compiler makes the state of an async method a class, to be looked at.
    private const int Tolerated = int.MaxValue;
#else
    // In all, of one measurement: each thread of the pool keeps a few objects at hand, and one that joins in has none yet.
    private const int Tolerated = 4096;
#endif

    // What is made once (a thread that joins the pool, a slab where two were never needed before, code that is compiled anew) is not
    // made for each message: the best of so many measurements counts.
    private const int Attempts = 12;

    // As bench/README.md names them; and how many messages are counted at a time: fewer of the large ones, which take longer.
    public static Dictionary<string, (EchoShape Shape, int Counted)> Scenarios { get; } = new()
    {
        ["a"] = (new EchoShape(Opcode.Text, Size: 64, Depth: 1), 10_000),
        ["b"] = (new EchoShape(Opcode.Text, Size: 64, Depth: 32), 50_000),
        ["c"] = (new EchoShape(Opcode.Binary, Size: 1024, Depth: 8), 20_000),
        ["d"] = (new EchoShape(Opcode.Binary, Size: 64 * 1024, Depth: 4), 2000),
        ["e"] = (new EchoShape(Opcode.Binary, Size: 1024 * 1024, Depth: 1), 300),
    };

    private readonly TaskCompletionSource<double> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private double _best = double.MaxValue;
    private long _before;
    private int _count;
    private int _attempts;

    public Task<double> Result => _result.Task;

    public WebSocketHandler Callback => new()
    {
        Message = (socket, message) =>
        {
            Count(socket);
            return socket.SendAsync(message);
        },
    };

    /// <summary>Gets what is allowed for each message: less than the smallest object takes, which is 24 bytes.</summary>
    public static double Limit(int counted) => Math.Max(1, (double)Tolerated / counted);

    public async Task EchoAsync(WebSocketConnection socket)
    {
        await foreach (WebSocketMessage message in socket.ReadAllAsync())
        {
            Count(socket);
            await socket.SendAsync(message);
        }
    }

    private void Count(WebSocketConnection socket)
    {
        if (++_count % counted != 0)
            return;
        long now = GC.GetTotalAllocatedBytes(precise: true);
        if (_count > counted)
            _best = Math.Min(_best, (now - _before) / (double)counted);
        _before = now;
        if (_best >= limit && _attempts++ <= Attempts)
            return;
        _result.TrySetResult(_best);
        socket.Abort();
    }
}
