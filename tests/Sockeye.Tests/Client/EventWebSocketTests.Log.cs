using System.Collections.Concurrent;
using System.Text;
using Sockeye.Tests.Connection;

namespace Sockeye.Tests.Client;

/// <content>What the tests write events down with.</content>
public sealed partial class EventWebSocketTests
{
    /// <summary>Writes down what is raised.</summary>
    private sealed class Log
    {
        private readonly ConcurrentQueue<string> _lines = new();
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _running;

        public Log(EventWebSocket ws)
        {
            ws.Redirect += (_, e) => Add($"redirect {e.StatusCode} {e.To.AbsolutePath}");
            ws.Upgrade += (_, e) => Add($"upgrade {e.Headers["Sec-WebSocket-Protocol"]}");
            ws.UnexpectedResponse += (_, e) => Add($"response {e.StatusCode} {Encoding.UTF8.GetString(e.Exception.Body.Span)}");
            ws.Opened += (_, _) => Add($"opened {ws.ReadyState}");
            ws.Ping += (_, e) => Add($"ping {Encoding.UTF8.GetString(e.Data.Span)}");
            ws.Pong += (_, e) => Add($"pong {Encoding.UTF8.GetString(e.Data.Span)}");
            ws.Message += (_, e) => Add($"message {e.Text ?? Convert.ToHexString(e.Data.Span)}");
            ws.Error += (_, e) => Add($"error {e.Message}");
            ws.Closed += (_, e) =>
            {
                Add($"closed {ws.ReadyState} {(int)e.Code} {e.Reason} {e.WasClean}");
                _end.SetResult();
            };
        }

        public IEnumerable<string> Lines => _lines;

        public async Task<List<string>> ToEndAsync()
        {
            await _end.Task.Soon();
            return [.. _lines];
        }

        private void Add(string line)
        {
            bool isAlone = Interlocked.Increment(ref _running) == 1;
            _lines.Enqueue(isAlone ? line : $"{line}, not alone");
            Interlocked.Decrement(ref _running);
        }
    }

    /// <summary>A context with one thread, as a user interface has.</summary>
    private sealed class OneThread : SynchronizationContext, IDisposable
    {
        private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _work = [];

        public OneThread()
        {
            var thread = new Thread(() =>
            {
                SetSynchronizationContext(this);
                foreach ((SendOrPostCallback callback, object? state) in _work.GetConsumingEnumerable())
                    callback(state);
            })
            {
                IsBackground = true,
            };
            thread.Start();
        }

        public override void Post(SendOrPostCallback d, object? state) => _work.Add((d, state));

        public override void Send(SendOrPostCallback d, object? state)
        {
            using var done = new ManualResetEventSlim();
            Post(
                _ =>
                {
                    d(state);
                    done.Set();
                },
                null);
            Assert.True(done.Wait(TimeSpan.FromSeconds(20)));
        }

        public override SynchronizationContext CreateCopy() => this;

        public void Dispose() => _work.CompleteAdding();
    }
}
