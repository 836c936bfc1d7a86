using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Sockeye;

/// <summary>Gives out mask keys: fresh for each frame, from the cryptographic generator, fetched many at a time
/// (RFC 6455, sections 5.3 and 10.3).</summary>
internal static class MaskKeys
{
    private const int Batch = 1024;

    [ThreadStatic]
    private static uint[]? t_keys;
    [ThreadStatic]
    private static int t_left;

    public static uint Next(MaskSource? source)
    {
        if (source is not null)
        {
            uint key = 0;
            source(MemoryMarshal.AsBytes(new Span<uint>(ref key)));
            return key;
        }

        uint[] keys = t_keys ??= GC.AllocateUninitializedArray<uint>(Batch);
        if (t_left == 0)
        {
            RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(keys.AsSpan()));
            t_left = Batch;
        }

        return keys[--t_left];
    }
}
