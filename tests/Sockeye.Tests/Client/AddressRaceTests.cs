using System.Net;
using Sockeye.Tests.Connection;
using Sockeye.Tests.Server;

namespace Sockeye.Tests.Client;

/// <summary>RFC 8305: the addresses of a host are tried side by side.</summary>
public sealed class AddressRaceTests
{
    private readonly TimerSignals _time = new();
    private readonly Dictionary<string, TaskCompletionSource<Prize>> _attempts = [];
    private readonly List<string> _begun = [];
    private readonly List<string> _cancelled = [];

    [Theory]
    [InlineData("::1,::2,::3,1.1.1.1,2.2.2.2", "::1,1.1.1.1,::2,2.2.2.2,::3")]
    [InlineData("1.1.1.1,::1,::2", "1.1.1.1,::1,::2")]
    [InlineData("1.1.1.1,2.2.2.2,::1", "1.1.1.1,::1,2.2.2.2")]
    [InlineData("::1,::2", "::1,::2")]
    [InlineData("1.1.1.1", "1.1.1.1")]
    public void Order_takes_the_families_in_turn_and_keeps_that_of_the_system(string addresses, string ordered) =>
        Assert.Equal(ordered, string.Join(',', AddressRace.Order(Parse(addresses)).AsEnumerable()));

    [Fact]
    public async Task Address_that_answers_within_the_delay_is_the_only_one_that_is_tried()
    {
        Task<Prize> racing = RunAsync("::1,1.1.1.1");
        var prize = new Prize();
        _attempts["::1"].SetResult(prize);

        Assert.Same(prize, await racing.Soon());
        Assert.Equal(["::1"], _begun);
        Assert.False(prize.IsDisposed);
    }

    [Fact]
    public async Task Address_that_hangs_is_joined_by_the_next_one_after_the_delay_and_cancelled_when_that_wins()
    {
        Task<Prize> racing = RunAsync("::1,1.1.1.1,::2");
        await _time.CreatedAsync(AddressRace.AttemptDelay, 1).Soon();
        _time.Manual.Advance(AddressRace.AttemptDelay - TimeSpan.FromMilliseconds(1));
        Assert.Equal(["::1"], _begun);
        _time.Manual.Advance(TimeSpan.FromMilliseconds(1));
        await _time.CreatedAsync(AddressRace.AttemptDelay, 2).Soon();
        Assert.Equal(["::1", "1.1.1.1"], _begun);

        var prize = new Prize();
        _attempts["1.1.1.1"].SetResult(prize);

        Assert.Same(prize, await racing.Soon());
        Assert.Equal(["::1", "1.1.1.1"], _begun);
        Assert.Contains("::1", _cancelled);
    }

    [Fact]
    public async Task Address_that_fails_gives_way_to_the_next_one_at_once()
    {
        Task<Prize> racing = RunAsync("::1,1.1.1.1");
        _attempts["::1"].SetException(new IOException("no"));
        await Settle.UntilAsync(() => _begun.Count == 2);
        var prize = new Prize();
        _attempts["1.1.1.1"].SetResult(prize);

        Assert.Same(prize, await racing.Soon());
        Assert.False(prize.IsDisposed);
    }

    [Fact]
    public async Task Address_that_answers_after_another_one_has_won_is_closed()
    {
        Task<Prize> racing = RunAsync("::1,1.1.1.1", obeys: false);
        await _time.CreatedAsync(AddressRace.AttemptDelay, 1).Soon();
        _time.Manual.Advance(AddressRace.AttemptDelay);
        await Settle.UntilAsync(() => _begun.Count == 2);
        Prize first = new(), second = new();
        _attempts["1.1.1.1"].SetResult(second);
        Assert.Same(second, await racing.Soon());

        _attempts["::1"].SetResult(first);

        await Settle.UntilAsync(() => first.IsDisposed);
        Assert.False(second.IsDisposed);
    }

    [Fact]
    public async Task All_that_fail_tell_why_in_the_order_of_the_addresses()
    {
        Task<Prize> racing = RunAsync("::1,1.1.1.1");
        await _time.CreatedAsync(AddressRace.AttemptDelay, 1).Soon();
        _time.Manual.Advance(AddressRace.AttemptDelay);
        await Settle.UntilAsync(() => _begun.Count == 2);
        _attempts["1.1.1.1"].SetException(new IOException("four"));
        _attempts["::1"].SetException(new IOException("six"));

        var thrown = await Assert.ThrowsAsync<AggregateException>(() => racing.Soon());
        Assert.Equal(["six", "four"], thrown.InnerExceptions.Select(inner => inner.Message));
    }

    [Fact]
    public async Task Token_that_is_cancelled_ends_all_attempts()
    {
        using var cancel = new CancellationTokenSource();
        Task<Prize> racing = RunAsync("::1,1.1.1.1", token: cancel.Token);
        await _time.CreatedAsync(AddressRace.AttemptDelay, 1).Soon();
        _time.Manual.Advance(AddressRace.AttemptDelay);
        await Settle.UntilAsync(() => _begun.Count == 2);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => racing.Soon());
        Assert.Equal(["1.1.1.1", "::1"], _cancelled.Order(StringComparer.Ordinal));
    }

    private Task<Prize> RunAsync(string addresses, bool obeys = true, CancellationToken token = default) =>
        AddressRace.RunAsync(Parse(addresses), (address, cancel) => BeginAsync(address.ToString(), obeys, cancel), _time, token);

    private Task<Prize> BeginAsync(string address, bool obeys, CancellationToken cancel)
    {
        TaskCompletionSource<Prize> attempt = _attempts[address] = new();
        if (obeys)
        {
            cancel.Register(() =>
            {
                if (attempt.TrySetCanceled(cancel))
                {
                    lock (_cancelled)
                        _cancelled.Add(address);
                }
            });
        }

        _begun.Add(address);
        return attempt.Task;
    }

    private static IPAddress[] Parse(string addresses) => [.. addresses.Split(',').Select(IPAddress.Parse)];

    private sealed class Prize : IDisposable
    {
        public bool IsDisposed { get; private set; }

        public void Dispose() => IsDisposed = true;
    }
}
