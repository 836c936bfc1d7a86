using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sockeye.Compression;

/// <summary>Owns a stream of the native zlib: it is ended once, when nobody uses it any more.</summary>
internal sealed unsafe class ZStreamHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    private readonly bool _deflates;

    private ZStreamHandle(bool deflates)
        : base(ownsHandle: true) => _deflates = deflates;

    public static ZStreamHandle Deflate(int level, int windowBits, int memoryLevel, int strategy)
    {
        NativeZLib.ZStream* stream = Allocate();
        return Own(stream, deflates: true, NativeZLib.DeflateInit(stream, level, windowBits, memoryLevel, strategy));
    }

    public static ZStreamHandle Inflate(int windowBits)
    {
        NativeZLib.ZStream* stream = Allocate();
        return Own(stream, deflates: false, NativeZLib.InflateInit(stream, windowBits));
    }

    /// <summary>Lets the library work from one span into the other, once.</summary>
    /// <returns>What the library returns.</returns>
    /// <exception cref="ObjectDisposedException">The stream has been ended.</exception>
    public int Run(
        delegate*<NativeZLib.ZStream*, int, int> work,
        ReadOnlySpan<byte> source,
        Span<byte> destination,
        int flush,
        out int consumed,
        out int written)
    {
        NativeZLib.ZStream* stream = Enter();
        try
        {
            fixed (byte* input = source)
            fixed (byte* output = destination)
            {
                stream->NextIn = input;
                stream->AvailIn = (uint)source.Length;
                stream->NextOut = output;
                stream->AvailOut = (uint)destination.Length;
                int result = work(stream, flush);
                consumed = source.Length - (int)stream->AvailIn;
                written = destination.Length - (int)stream->AvailOut;
                return result;
            }
        }
        finally
        {
            // Memory that is not pinned any more must not be found here.
            stream->NextIn = stream->NextOut = null;
            stream->AvailIn = stream->AvailOut = 0;
            DangerousRelease();
        }
    }

    /// <summary>Empties a stream that inflates.</summary>
    /// <returns>What the library returns.</returns>
    /// <exception cref="ObjectDisposedException">The stream has been ended.</exception>
    public int ResetInflate(int windowBits)
    {
        NativeZLib.ZStream* stream = Enter();
        try
        {
            return NativeZLib.InflateReset(stream, windowBits);
        }
        finally
        {
            DangerousRelease();
        }
    }

    protected override bool ReleaseHandle()
    {
        var stream = (NativeZLib.ZStream*)handle;
        _ = _deflates ? NativeZLib.DeflateEnd(stream) : NativeZLib.InflateEnd(stream);
        NativeMemory.Free(stream);
        return true;
    }

    // The stream stays open until it is released, also where another thread disposes the handle meanwhile.
    private NativeZLib.ZStream* Enter()
    {
        bool isIn = false;
        DangerousAddRef(ref isIn);
        return (NativeZLib.ZStream*)handle;
    }

    private static NativeZLib.ZStream* Allocate() =>
        (NativeZLib.ZStream*)NativeMemory.AllocZeroed((nuint)sizeof(NativeZLib.ZStream));

    private static ZStreamHandle Own(NativeZLib.ZStream* stream, bool deflates, int result)
    {
        if (result == NativeZLib.Ok)
        {
            var owner = new ZStreamHandle(deflates);
            owner.SetHandle((nint)stream);
            return owner;
        }

        NativeMemory.Free(stream);
        throw new InvalidOperationException($"zlib could not begin a stream (error {result}).");
    }
}
