using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye.Conformance;

/// <summary>Judges clients: listens, and plays a case with each client that asks for one.</summary>
/// <remarks>
/// Clients ask by the path of the URL, as those of the usual suite do:
/// <code>
/// /getCaseCount                   sends the number of cases and closes
/// /getCaseInfo?case=N             sends {"id": "1.1.1", "description": "…"} and closes
/// /runCase?case=N&amp;agent=A         plays case N, 1 being the first; the client echoes until the connection ends
/// /getCaseStatus?case=N&amp;agent=A   sends {"behavior": "OK", …} and closes, once the case is over
/// /updateReports?agent=A          closes, once all cases of the agent are over, and hands out the report
/// </code>
/// Any number of connections may be open at a time.
/// </remarks>
internal sealed class ClientHost : IAsyncDisposable
{
    private const int Backlog = 128;
    private static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(1);

    private readonly Listener _listener;
    private readonly ClientRecords _records;
    private readonly Channel<SuiteReport> _reports = Channel.CreateUnbounded<SuiteReport>();
    private readonly ConcurrentDictionary<Task, bool> _serving = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _finishing = new();
    private Task _accepting = Task.CompletedTask;

    /// <summary>Binds. Nothing is accepted before <see cref="Start"/>.</summary>
    /// <param name="endPoint">Where to listen; port 0 takes a free one.</param>
    /// <param name="cases">The cases that clients can ask for.</param>
    /// <exception cref="IOException">It is not possible to listen there.</exception>
    public ClientHost(IPEndPoint endPoint, IReadOnlyList<ConformanceCase> cases)
    {
        Cases = cases;
        _records = new ClientRecords(cases);
        _listener = Listener.Bind(endPoint, Backlog, group: null);
    }

    /// <summary>Gets the cases.</summary>
    public IReadOnlyList<ConformanceCase> Cases { get; }

    /// <summary>Gets where it listens.</summary>
    public EndPoint EndPoint => _listener.EndPoint;

    /// <summary>Gets the options of TLS; null serves plain connections.</summary>
    public SslServerAuthenticationOptions? Tls { get; init; }

    /// <summary>Gets how many messages each case of the groups 12 and 13 sends; it stands in the reports.</summary>
    public int MessagesPerCase { get; init; } = CaseCatalog.FullMessages;

    /// <summary>Gets by how much limits are stretched; 1 is as the rules say.</summary>
    public double Patience { get; init; } = 1;

    /// <summary>Gets the clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets what is told each result as it comes, one at a time, on any thread.</summary>
    public Action<CaseResult>? Finished { get; init; }

    /// <summary>Gets what is told why a connection led to nothing, on any thread.</summary>
    public Action<string>? Failed { get; init; }

    /// <summary>Begins to accept connections.</summary>
    public void Start() => _accepting = _listener.RunAsync(Accept, (_, e) => Failed?.Invoke($"No connection was accepted: {e.Message}"), Time);

    /// <summary>Waits for the next report that a client has asked for.</summary>
    public async Task<SuiteReport> NextReportAsync(CancellationToken cancel) => await _reports.Reader.ReadAsync(cancel).ConfigureAwait(false);

    /// <summary>Makes the reports of all agents, whether they have asked for it or not, of what they have finished.</summary>
    public IReadOnlyList<SuiteReport> Reports() => [.. _records.Agents.Select(Report)];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        await Task.WhenAll(_serving.Keys).ConfigureAwait(false);
        _stop.Dispose();
    }

    private void Accept(ConnectedSocket accepted)
    {
        Socket socket = ((RuntimeSocket)accepted).Socket;
        socket.NoDelay = true;
        Task serving = Task.Run(() => ServeAsync(socket));
        _serving[serving] = true;
        _ = serving.ContinueWith(task => _serving.TryRemove(task, out _), TaskScheduler.Default);
    }

    /// <summary>Serves one connection; it never fails.</summary>
    private async Task ServeAsync(Socket socket)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        patience.CancelAfter(OpenTimeout * Patience);
        try
        {
            await using Link link = await OpenAsync(socket, patience.Token).ConfigureAwait(false);
            ReceivedHead head = await ReceivedHead.ReadAsync(link.Stream, patience.Token).ConfigureAwait(false);
            RequestHead? request = null;
            HandshakeFault? fault = head.Fault;
            if (fault is not null || !RequestHead.TryParse(head.Bytes.Span, out request, out fault))
                await RefuseAsync(link, HandshakeRefusal.Of(fault)).ConfigureAwait(false);
            else
                await AnswerAsync(new Visit(link, request, head.Beyond)).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException or ObjectDisposedException or OperationCanceledException)
        {
            if (_stop.IsCancellationRequested)
                return;
            Failed?.Invoke(e is OperationCanceledException ? "A client did not finish the opening handshake in time." : $"A connection broke: {e.Message}");
        }
    }

    private async Task<Link> OpenAsync(Socket socket, CancellationToken cancel)
    {
        var stream = new NetworkStream(socket, ownsSocket: false);
        if (Tls is null)
            return new Link(stream, socket);

        var link = new Link(new SslStream(stream), socket);
        try
        {
            await ((SslStream)link.Stream).AuthenticateAsServerAsync(Tls, cancel).ConfigureAwait(false);
            return link;
        }
        catch
        {
            await link.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private Task AnswerAsync(Visit visit)
    {
        string? agent = visit.Request.GetQueryValue("agent");
        bool hasCase = int.TryParse(visit.Request.GetQueryValue("case"), out int number) && number >= 1 && number <= Cases.Count;
        return (visit.Request.Path, hasCase, agent) switch
        {
            ("/getCaseCount", _, _) => TalkAsync(visit, Cases.Count.ToString()),
            ("/getCaseInfo", true, _) => TalkAsync(visit, Describe(Cases[number - 1])),
            ("/runCase", true, not null) => RunCaseAsync(visit, number, agent),
            ("/getCaseStatus", true, not null) => TellStatusAsync(visit, number, agent),
            ("/updateReports", _, not null) => UpdateReportsAsync(visit, agent),
            ("/getCaseInfo" or "/runCase" or "/getCaseStatus" or "/updateReports", _, _) => RefuseAsync(visit.Link, new HandshakeRefusal(
                400, body: $"Say who the client is and which case it asks for, such as /runCase?case=1&agent=NAME; there are {Cases.Count} cases.\n")),
            _ => RefuseAsync(visit.Link, new HandshakeRefusal(
                404, body: "Ask for /getCaseCount, /getCaseInfo, /runCase, /getCaseStatus or /updateReports.\n")),
        };
    }

    private async Task RunCaseAsync(Visit visit, int number, string agent)
    {
        // Recorded before the client hears anything: it may have played the case, and ask for its status, before this thread goes on.
        var begin = new Task<Task<CaseResult>>(() => PlayAsync(visit, Cases[number - 1]));
        Task<CaseResult> play = begin.Unwrap();
        _records.Add(agent, number, play, Time.GetUtcNow());
        begin.RunSynchronously(TaskScheduler.Default);
        CaseResult result = await play.ConfigureAwait(false);
        lock (_finishing)
            Finished?.Invoke(result);
    }

    private async Task<CaseResult> PlayAsync(Visit visit, ConformanceCase testCase)
    {
        try
        {
            return await ShakeHandsAsync(visit, testCase).ConfigureAwait(false) switch
            {
                { Fault: { } fault } => CaseResult.Of(
                    testCase, new Transcript { OpeningFailure = $"The opening handshake of the client is wrong: {fault}." }),
                { Agreed: null } when testCase.Deflate is not null => await DeclineAsync(visit, testCase).ConfigureAwait(false),
                { Agreed: var agreed, Response: var response } => await PlayAsync(visit, testCase, agreed, response).ConfigureAwait(false),
            };
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException && !_stop.IsCancellationRequested)
        {
            return CaseResult.Of(testCase, new Transcript { OpeningFailure = $"The connection could not be opened: {e.Message}" });
        }
    }

    private async Task<CaseResult> PlayAsync(Visit visit, ConformanceCase testCase, DeflateParameters? agreed, string? response)
    {
        var settings = new PlaySettings { Role = Role.Server, Deflate = agreed, Patience = Patience };
        using var play = new CasePlay(testCase, settings);
        TimeSpan duration = await LinkPlayer.PlayAsync(visit.Link, visit.Beyond, play, Time, _stop.Token).ConfigureAwait(false);
        return CaseResult.Of(testCase, play.Transcript, duration, play.Log.Entries, response);
    }

    /// <summary>Sends a client home that declined what the case is about.</summary>
    private async Task<CaseResult> DeclineAsync(Visit visit, ConformanceCase testCase)
    {
        await PlayAsync(visit, Conversation(), agreed: null, response: null).ConfigureAwait(false);
        return CaseResult.Of(testCase, new Transcript { IsDeclined = true });
    }

    private async Task TellStatusAsync(Visit visit, int number, string agent)
    {
        CaseResult? result = await _records.FindAsync(agent, number).WaitAsync(_stop.Token).ConfigureAwait(false);
        string status = result is null ? """{"behavior":"MISSING"}""" : DescribeStatus(result);
        await TalkAsync(visit, status).ConfigureAwait(false);
    }

    private async Task UpdateReportsAsync(Visit visit, string agent)
    {
        await _records.FinishAsync(agent).WaitAsync(_stop.Token).ConfigureAwait(false);
        SuiteReport report = Report(agent);
        await TalkAsync(visit, text: null).ConfigureAwait(false);
        _reports.Writer.TryWrite(report);
    }

    private SuiteReport Report(string agent)
    {
        (DateTimeOffset started, TimeSpan duration, IReadOnlyList<CaseResult> results) = _records.Of(agent, Time.GetUtcNow());
        var played = results.Select(result => result.Id).ToHashSet(StringComparer.Ordinal);
        return new SuiteReport
        {
            Subject = agent,
            Role = "client",
            MessagesPerCase = MessagesPerCase,
            Started = started,
            Seconds = Math.Round(duration.TotalSeconds, 3),
            Cases = results,
            Missing = [.. Cases.Select(one => one.Id).Where(id => !played.Contains(id))],
        };
    }

    /// <summary>Says one thing, or nothing, and closes.</summary>
    private async Task TalkAsync(Visit visit, string? text)
    {
        ConformanceCase conversation = Conversation(text);
        Handshake handshake = await ShakeHandsAsync(visit, conversation).ConfigureAwait(false);
        if (handshake.Fault is null)
            await PlayAsync(visit, conversation, agreed: null, response: null).ConfigureAwait(false);
    }

    // What is no case is played like one: the suite speaks, closes, and is answered.
    private static ConformanceCase Conversation(string? text = null) => new()
    {
        Id = "0.0",
        Title = "",
        Section = "",
        Script = text is null ? [] : [new SendMessage(Opcode.Text, Payload.Text(text))],
        Close = CloseExpectation.BySuite,
        Limit = CaseLimit.CloseAfter(5),
    };

    /// <summary>Answers the opening handshake: accepts it with permessage-deflate where the terms say so and the client offers it.</summary>
    private async Task<Handshake> ShakeHandsAsync(Visit visit, ConformanceCase testCase)
    {
        if (!ServerHandshake.TryEvaluate(visit.Request, out UpgradeOffer? offer, out HandshakeFault? fault))
        {
            await RefuseAsync(visit.Link, HandshakeRefusal.Of(fault)).ConfigureAwait(false);
            return new Handshake(fault, null, null);
        }

        DeflateParameters? agreed = null;
        ExtensionOffer? extension = null;
        testCase.Deflate?.TryAccept(offer.Extensions, out agreed, out extension);
        if (testCase.Handshake is { } text)
        {
            string accept = HandshakeKey.ComputeAccept(offer.Key);
            byte[] head = text.ToBytes(("{key}", offer.Key), ("{accept}", accept), ("{ACCEPT}", accept.ToUpperInvariant()));
            await text.SendAsync(visit.Link.Stream, head, _stop.Token).ConfigureAwait(false);
        }
        else
        {
            ResponseHead response = offer.Accept(extensions: extension is null ? null : [extension]);
            await visit.Link.Stream.WriteAsync(response.ToBytes(), _stop.Token).ConfigureAwait(false);
        }

        return new Handshake(null, agreed, extension?.ToString());
    }

    private async Task RefuseAsync(Link link, HandshakeRefusal refusal)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        patience.CancelAfter(DrainTimeout);
        await link.Stream.WriteAsync(refusal.ToBytes(), patience.Token).ConfigureAwait(false);
        await link.ShutDownAsync().ConfigureAwait(false);
        // What the client still sends is read: a reset would take the answer away from it.
        byte[] rest = new byte[4096];
        while (await link.Stream.ReadAsync(rest, patience.Token).ConfigureAwait(false) > 0)
            continue;
    }

    private static string Describe(ConformanceCase testCase) =>
        new JsonObject { ["id"] = testCase.Id, ["description"] = $"{testCase.Title} ({testCase.Section})" }.ToJsonString();

    private static string DescribeStatus(CaseResult result) => new JsonObject
    {
        ["behavior"] = ReportJson.NameOf(result.Behavior),
        ["behaviorClose"] = ReportJson.NameOf(result.BehaviorClose),
    }.ToJsonString();

    /// <summary>One connection of a client, with its request.</summary>
    private sealed record Visit(Link Link, RequestHead Request, Memory<byte> Beyond);

    /// <summary>What came of an opening handshake.</summary>
    private readonly record struct Handshake(HandshakeFault? Fault, DeflateParameters? Agreed, string? Response);
}
