using System.Reflection;
using System.Runtime.InteropServices;

namespace Sockeye.Compression;

/// <summary>The runtime's own zlib, which <c>System.IO.Compression</c> uses as well: with window bits, memory level and strategy, which
/// that does not offer.</summary>
internal static unsafe partial class NativeZLib
{
    public const int Ok = 0;
    public const int StreamEnd = 1;
    public const int DataError = -3;
    public const int BufferError = -5;

    public const int SyncFlush = 2;
    public const int FullFlush = 3;
    public const int Block = 5;

    private const string Library = "libSystem.IO.Compression.Native";
    private const int Deflated = 8;

    static NativeZLib()
    {
        // In this order: the probe needs the resolver.
        NativeLibrary.SetDllImportResolver(typeof(NativeZLib).Assembly, Resolve);
        IsAvailable = Probe();
    }

    /// <summary>Gets whether the library is there and has what is needed.</summary>
    public static bool IsAvailable { get; }

    /// <summary>Begins a raw deflate stream.</summary>
    public static int DeflateInit(ZStream* stream, int level, int windowBits, int memoryLevel, int strategy) =>
        DeflateInit2(stream, level, Deflated, -windowBits, memoryLevel, strategy);

    /// <summary>Begins a raw inflate stream.</summary>
    public static int InflateInit(ZStream* stream, int windowBits) => InflateInit2(stream, -windowBits);

    /// <summary>Empties a raw inflate stream.</summary>
    public static int InflateReset(ZStream* stream, int windowBits) => InflateReset2(stream, -windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Deflate")]
    public static partial int Deflate(ZStream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateEnd")]
    public static partial int DeflateEnd(ZStream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_Inflate")]
    public static partial int Inflate(ZStream* stream, int flush);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateEnd")]
    public static partial int InflateEnd(ZStream* stream);

    [LibraryImport(Library, EntryPoint = "CompressionNative_DeflateInit2_")]
    private static partial int DeflateInit2(ZStream* stream, int level, int method, int windowBits, int memoryLevel, int strategy);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateInit2_")]
    private static partial int InflateInit2(ZStream* stream, int windowBits);

    [LibraryImport(Library, EntryPoint = "CompressionNative_InflateReset2_")]
    private static partial int InflateReset2(ZStream* stream, int windowBits);

    private static bool Probe()
    {
        try
        {
            ZStream stream = default;
            bool works = DeflateInit(&stream, level: 1, windowBits: 9, memoryLevel: 8, strategy: 0) == Ok && DeflateEnd(&stream) == Ok;
            stream = default;
            return works
                && InflateInit(&stream, 15) == Ok
                && InflateReset(&stream, 15) == Ok
                && InflateEnd(&stream) == Ok;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return false;
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        // Windows knows no prefix; elsewhere the name is right as it is, also where the library is part of a single file.
        if (name == Library
            && OperatingSystem.IsWindows()
            && NativeLibrary.TryLoad("System.IO.Compression.Native", assembly, path, out nint handle))
        {
            return handle;
        }

        return 0;
    }

    /// <summary>The stream as the library sees it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct ZStream
    {
        public byte* NextIn;
        public byte* NextOut;
        public nint Message;
        public nint InternalState;
        public uint AvailIn;
        public uint AvailOut;
    }
}
