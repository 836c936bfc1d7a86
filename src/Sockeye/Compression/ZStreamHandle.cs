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

    /// <summary>Uses the stream; it stays open until <see cref="Leave"/>.</summary>
    /// <exception cref="ObjectDisposedException">The stream has been ended.</exception>
    public NativeZLib.ZStream* Enter()
    {
        bool isIn = false;
        DangerousAddRef(ref isIn);
        return (NativeZLib.ZStream*)handle;
    }

    public void Leave() => DangerousRelease();

    protected override bool ReleaseHandle()
    {
        var stream = (NativeZLib.ZStream*)handle;
        _ = _deflates ? NativeZLib.DeflateEnd(stream) : NativeZLib.InflateEnd(stream);
        NativeMemory.Free(stream);
        return true;
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
