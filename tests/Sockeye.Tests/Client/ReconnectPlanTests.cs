using Sockeye.Protocol;

namespace Sockeye.Tests.Client;

/// <summary>When the next attempt is made, and where: decided without a clock and without chance.</summary>
public sealed class ReconnectPlanTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly ReconnectOptions Options = new()
    {
        InitialDelay = Seconds(1),
        MaxDelay = Seconds(60),
        MinUptime = Seconds(5),
        MinRestartDelay = Seconds(5),
        MaxRestartDelay = Seconds(30),
        MaxRetryAfter = Seconds(600),
    };

    [Fact]
    public void Bound_of_the_delay_doubles_up_to_its_cap()
    {
        var plan = new ReconnectPlan(Options, 1);
        double[] delays = [.. Enumerable.Range(0, 100).Select(_ => Fail(plan, Refused(), random: 1))];
        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60], delays[..8]);
        Assert.All(delays[8..], delay => Assert.Equal(60, delay));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.25, 0.25)]
    [InlineData(0.99, 0.99)]
    public void First_delay_is_random_from_none_to_its_bound(double random, double expected) =>
        Assert.Equal(expected, Fail(new ReconnectPlan(Options, 1), Refused(), random));

    [Fact]
    public void Failures_begin_anew_after_a_connection_that_had_held_and_go_on_after_one_that_had_not()
    {
        var plan = new ReconnectPlan(Options, 1);
        Fail(plan, Refused());
        Fail(plan, Refused());
        Assert.Equal(4, Fail(plan, Lost(CloseCode.Abnormal, uptime: 4.9)));
        Assert.Equal(3, plan.Failures);
        Assert.Equal(1, Fail(plan, Lost(CloseCode.Abnormal, uptime: 5)));
        Assert.Equal(1, plan.Failures);
    }

    [Fact]
    public void Failures_go_round_the_list_and_the_bound_doubles_with_each_round()
    {
        var plan = new ReconnectPlan(Options, 3);
        List<(int, double)> next = [];
        for (int i = 0; i < 7; i++)
        {
            double delay = Fail(plan, Refused());
            next.Add((plan.EndPoint, delay));
        }

        Assert.Equal([(1, 1), (2, 1), (0, 1), (1, 2), (2, 2), (0, 2), (1, 4)], next);
    }

    [Fact]
    public void Loss_of_a_connection_that_had_held_begins_the_list_again()
    {
        var plan = new ReconnectPlan(Options, 3);
        Fail(plan, Refused());
        Assert.Equal(1, plan.EndPoint);
        Fail(plan, Lost(CloseCode.GoingAway, uptime: 60));
        Assert.Equal(0, plan.EndPoint);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(0.5, 17.5)]
    [InlineData(1, 30)]
    public void Restarting_server_is_left_alone_for_a_random_time(double random, double expected) =>
        Assert.Equal(expected, Fail(new ReconnectPlan(Options, 1), Lost(CloseCode.ServiceRestart), random));

    [Theory]
    [InlineData(0, 30)]
    [InlineData(1, 60)]
    public void Server_that_says_try_again_later_is_left_alone_for_the_longest_delays(double random, double expected) =>
        Assert.Equal(expected, Fail(new ReconnectPlan(Options, 1), Lost(CloseCode.TryAgainLater), random));

    [Theory]
    [InlineData(CloseCode.ServiceRestart)]
    [InlineData(CloseCode.TryAgainLater)]
    public void Other_end_point_stands_in_for_one_that_asked_to_be_left_alone(CloseCode code)
    {
        var plan = new ReconnectPlan(Options, 2);
        Assert.Equal(0.5, Fail(plan, Lost(code, uptime: 100), random: 0.5));
        Assert.Equal(1, plan.EndPoint);
        // It is the turn of the first one, which is not to be asked yet: the other one is asked again.
        Assert.Equal(0.5, Fail(plan, Refused(), random: 0.5, now: 1));
        Assert.Equal(1, plan.EndPoint);
        // And now it may be.
        Fail(plan, Refused(), random: 0.5, now: 100);
        Assert.Equal(0, plan.EndPoint);
    }

    [Fact]
    public void Where_all_asked_to_be_left_alone_the_first_that_may_be_asked_is_waited_for()
    {
        var plan = new ReconnectPlan(Options, 2);
        Fail(plan, Answered(503, "100"), random: 0);
        Assert.Equal(1, plan.EndPoint);
        Assert.Equal(40, Fail(plan, Answered(503, "40"), random: 0));
        Assert.Equal(1, plan.EndPoint);
        Assert.Equal(30, Fail(plan, Answered(503, "80"), random: 0, now: 70));
        Assert.Equal(0, plan.EndPoint);
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("0", 0)]
    [InlineData("4000000000", 600)]
    [InlineData("Thu, 01 Jan 2026 12:00:09 GMT", 9)]
    [InlineData("Thu, 01 Jan 2026 11:00:00 GMT", 0)]
    [InlineData("soon", 0)]
    [InlineData("-1", 0)]
    public void Retry_After_is_respected_up_to_its_limit(string value, double expected) =>
        Assert.Equal(expected, Fail(new ReconnectPlan(Options, 1), Answered(503, value), random: 0));

    [Fact]
    public void Clients_that_got_the_same_Retry_After_do_not_come_back_together() =>
        Assert.Equal(7.5, Fail(new ReconnectPlan(Options, 1), Answered(429, "7"), random: 0.5));

    [Theory]
    [InlineData(1000, false)]
    [InlineData(1001, false)]
    [InlineData(1002, true)]
    [InlineData(1003, true)]
    [InlineData(1005, false)]
    [InlineData(1007, true)]
    [InlineData(1008, true)]
    [InlineData(1009, true)]
    [InlineData(1010, true)]
    [InlineData(1011, false)]
    [InlineData(1012, false)]
    [InlineData(1013, false)]
    [InlineData(1014, false)]
    [InlineData(3000, true)]
    [InlineData(3003, true)]
    [InlineData(3008, false)]
    [InlineData(4000, false)]
    public void Close_code_that_blames_the_client_is_fatal(int code, bool isFatal) =>
        Assert.Equal(isFatal, Lost((CloseCode)code).IsFatal);

    [Theory]
    [InlineData(200, true)]
    [InlineData(302, true)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    [InlineData(404, true)]
    [InlineData(408, false)]
    [InlineData(425, false)]
    [InlineData(426, true)]
    [InlineData(429, false)]
    [InlineData(500, false)]
    [InlineData(503, false)]
    public void Status_that_blames_the_client_is_fatal(int status, bool isFatal) => Assert.Equal(isFatal, Answered(status).IsFatal);

    [Theory]
    [InlineData(HandshakeFailure.Dns, false)]
    [InlineData(HandshakeFailure.Connect, false)]
    [InlineData(HandshakeFailure.Tls, false)]
    [InlineData(HandshakeFailure.Timeout, false)]
    [InlineData(HandshakeFailure.Ended, false)]
    [InlineData(HandshakeFailure.Protocol, true)]
    public void Step_that_may_succeed_another_time_is_not_fatal(HandshakeFailure cause, bool isFatal) =>
        Assert.Equal(isFatal, Thrown(new WebSocketHandshakeException(cause, "test")).IsFatal);

    [Fact]
    public void Certificate_that_is_not_trusted_and_wrong_arguments_are_fatal_and_what_else_is_thrown_is_not()
    {
        var ofTls = new System.Security.Authentication.AuthenticationException(); // of an alert, or where the other side speaks no TLS
        Assert.True(Thrown(new WebSocketHandshakeException(HandshakeFailure.Tls, "test", ofTls) { IsUntrusted = true }).IsFatal);
        Assert.False(Thrown(new WebSocketHandshakeException(HandshakeFailure.Tls, "test", ofTls)).IsFatal);
        Assert.False(Thrown(new WebSocketHandshakeException(HandshakeFailure.Proxy, "test", ofTls)).IsFatal);
        Assert.True(Thrown(new ArgumentException("test")).IsFatal);
        Assert.False(Thrown(new HttpRequestException("the token server is down")).IsFatal);
        Assert.False(Lost(code: null).IsFatal);
    }

    [Fact]
    public void Options_refuse_what_makes_no_sense()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectOptions { InitialDelay = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectOptions { MaxDelay = TimeSpan.FromDays(2) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectOptions { MinUptime = TimeSpan.FromSeconds(-1) });
        Assert.Throws<ArgumentNullException>(() => new ReconnectOptions { Connect = null! });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectingWebSocketOptions { MaxMessages = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectingWebSocketOptions { MaxBytes = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectingWebSocketOptions { MaxAge = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReconnectingWebSocketOptions { WhenFull = (OutboxPolicy)3 });
        Assert.Throws<ArgumentException>(() => new ReconnectingWebSocket([]));
        Assert.Throws<ArgumentException>(() => new ReconnectingWebSocket("ftp://test.example"));
        Assert.Throws<ArgumentException>(() => WebSocketClient.ConnectForeverAsync([new Uri("ws://test.example"), new Uri("ftp://test.example")]));
    }

    private static double Fail(ReconnectPlan plan, ReconnectFailure failure, double random = 1, double now = 0) =>
        plan.Fail(failure, Seconds(now), Noon, random).TotalSeconds;

    private static ReconnectFailure Refused() => Thrown(new WebSocketHandshakeException(HandshakeFailure.Connect, "nothing listens there"));

    private static ReconnectFailure Answered(int status, string? retryAfter = null)
    {
        HttpHeaders headers = [];
        if (retryAfter is not null)
            headers.Add("Retry-After", retryAfter);
        return Thrown(new WebSocketHandshakeException(HandshakeFailure.Status, "test") { Response = new ResponseHead(status, headers) });
    }

    private static ReconnectFailure Thrown(Exception exception) => new() { Attempt = Attempt(), Exception = exception };

    private static ReconnectFailure Lost(CloseCode? code, double uptime = 0) =>
        ReconnectFailure.Of(Attempt(), new CloseResult { ReceivedCode = code, Cause = CloseCause.Peer }, Seconds(uptime));

    private static ConnectAttempt Attempt() => new() { Uri = new Uri("ws://test.example"), Options = WebSocketClientOptions.Default };

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
