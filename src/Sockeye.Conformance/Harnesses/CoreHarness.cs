using System.Buffers;
using Sockeye.Compression;
using Sockeye.Protocol;

namespace Sockeye.Conformance;

/// <summary>An endpoint without a transport: bytes in, bytes out.</summary>
internal interface ICoreEndpoint : IDisposable
{
    /// <summary>Gets whether it has ended its connection; what it has written before still leaves.</summary>
    bool HasEnded { get; }

    /// <summary>Takes bytes and writes what it has to say to them.</summary>
    /// <param name="bytes">The bytes; it may change them.</param>
    /// <param name="output">Where it writes.</param>
    void Receive(Span<byte> bytes, IBufferWriter<byte> output);
}

/// <summary>Plays cases against an endpoint in memory, by a clock that jumps to what is due next: without sockets, threads and waits, the
/// same at every run.</summary>
internal sealed class CoreHarness : IHarness
{
    private readonly Func<Role, ICoreEndpoint>? _make;

    /// <summary>Makes the harness.</summary>
    /// <param name="make">Makes an endpoint of a role; the protocol core with a minimal echo where null.</param>
    public CoreHarness(Func<Role, ICoreEndpoint>? make = null) => _make = make;

    /// <summary>Gets the role of the endpoint.</summary>
    public Role EndpointRole { get; init; } = Role.Server;

    /// <summary>Gets how many bytes the endpoint gets at a time; 0 gives it each write whole.</summary>
    public int SegmentSize { get; init; }

    /// <summary>Gets how the protocol core compresses; null declines to.</summary>
    public PerMessageDeflateOptions? Deflate { get; init; }

    public Task<CaseResult> PlayAsync(ConformanceCase testCase, CancellationToken cancel) => Task.FromResult(Play(testCase));

    public CaseResult Play(ConformanceCase testCase)
    {
        DeflateAgreement? agreement = null;
        if (testCase.Deflate is not null && !TryNegotiate(testCase.Deflate, out agreement))
            return CaseResult.Of(testCase, new Transcript { IsDeclined = true });

        uint mask = 0;
        var settings = new PlaySettings
        {
            Role = EndpointRole == Role.Server ? Role.Client : Role.Server,
            Deflate = agreement?.Parameters,
            NextMask = () => mask += 0x9E3779B9,
        };
        using var play = new CasePlay(testCase, settings);
        using ICoreEndpoint endpoint = _make?.Invoke(EndpointRole) ?? new CoreEcho(EndpointRole, agreement);
        TimeSpan now = Run(play, endpoint);
        return CaseResult.Of(testCase, play.Transcript, now, play.Log.Entries);
    }

    /// <summary>Offers and accepts without a head to carry it.</summary>
    private bool TryNegotiate(DeflateTerms terms, out DeflateAgreement? agreement)
    {
        agreement = null;
        if (EndpointRole == Role.Server)
        {
            agreement = DeflateAgreement.Accept(terms.Offers, Deflate, out ExtensionOffer? accepted);
            return accepted is not null && terms.TryAgree([accepted], out _, out _);
        }

        return Deflate is not null
            && terms.TryAccept([DeflateAgreement.Offer(Deflate)], out _, out ExtensionOffer? response)
            && DeflateAgreement.TryAgree([response], Deflate, out agreement, out _);
    }

    private TimeSpan Run(CasePlay play, ICoreEndpoint endpoint)
    {
        TimeSpan now = TimeSpan.Zero;
        var spare = new Outgoing();
        var answers = new ArrayBufferWriter<byte>();
        play.Start();
        while (!play.IsOver)
        {
            if (play.TakeOutput(spare) is { } output)
            {
                Carry(output, play, endpoint, answers, now);
                output.Clear();
                spare = output;
            }
            else if (play.Action == TransportAction.ShutDown)
            {
                play.ReceiveEnd(isReset: false, now);
            }
            else
            {
                now = play.Deadline ?? throw new InvalidOperationException("The case waits for nothing.");
                play.Tick(now);
            }
        }

        return now;
    }

    /// <summary>Carries what the suite sent to the endpoint, piece by piece, and its answers back.</summary>
    private void Carry(Outgoing output, CasePlay play, ICoreEndpoint endpoint, ArrayBufferWriter<byte> answers, TimeSpan now)
    {
        foreach (ReadOnlyMemory<byte> write in output.Writes)
        {
            byte[] bytes = write.ToArray();
            int size = SegmentSize == 0 ? bytes.Length : SegmentSize;
            for (int start = 0; start < bytes.Length && !endpoint.HasEnded; start += size)
            {
                endpoint.Receive(bytes.AsSpan(start, Math.Min(size, bytes.Length - start)), answers);
                if (answers.WrittenCount == 0)
                    continue;
                play.Receive(answers.WrittenSpan.ToArray(), now);
                answers.ResetWrittenCount();
            }
        }

        if (endpoint.HasEnded)
            play.ReceiveEnd(isReset: false, now);
    }
}
