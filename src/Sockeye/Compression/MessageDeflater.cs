using Sockeye.Protocol;

namespace Sockeye.Compression;

/// <summary>Compresses the messages that one connection sends: which of them, with which codec, and for how long it is held.</summary>
/// <remarks>Whoever writes for the connection compresses, one thread at a time. Where no context is kept, a codec is borrowed for each
/// piece and given back before anything is awaited, so that connections that wait hold none.</remarks>
internal sealed class MessageDeflater : IDisposable
{
    private readonly PerMessageDeflateOptions _options;
    private readonly int _windowBits;
    private Deflater? _codec;

    public MessageDeflater(DeflateAgreement agreement, Role role)
    {
        _options = agreement.Options;
        _windowBits = agreement.Parameters.WindowBits(role);
        KeepsContext = !agreement.Parameters.HasNoContextTakeover(role);
    }

    /// <summary>Gets whether messages refer to earlier ones.</summary>
    public bool KeepsContext { get; }

    /// <summary>Gets how long the codec is kept in silence; zero for ever.</summary>
    public TimeSpan IdleRelease => _options.IdleRelease;

    /// <summary>Gets whether a codec is held.</summary>
    public bool IsHolding => _codec is not null;

    /// <summary>Decides whether a message is compressed.</summary>
    public bool Compresses(int length, SendOptions options)
    {
        if ((options & (SendOptions.Sensitive | SendOptions.DoNotCompress)) != 0)
            return false;
        return KeepsContext || length >= _options.Threshold || (options & SendOptions.Compress) != 0;
    }

    /// <summary>Compresses a piece of a message, up to the boundary of a byte.</summary>
    public void Compress(ReadOnlySpan<byte> piece, ref OutputArray output, bool endsMessage)
    {
        SemaphoreSlim? gate = _options.Gate;
        gate?.Wait();
        try
        {
            _codec ??= new NativeDeflater(_options.Level, _windowBits, _options.MemoryLevel, (int)_options.Strategy);
            _codec.Compress(piece, ref output, endsMessage, KeepsContext);
            if (!KeepsContext)
                Release();
        }
        finally
        {
            gate?.Release();
        }
    }

    /// <summary>Lets go of the codec: what follows refers to nothing before it (rule Z1).</summary>
    public void Release()
    {
        _codec?.Dispose();
        _codec = null;
    }

    public void Dispose() => Release();
}
