using System.Buffers.Binary;
using System.Reflection;
using System.Security.Cryptography;

namespace Sockeye.Tests.Connection;

/// <summary>Where the mask keys of clients come from (RFC 6455, sections 5.3 and 10.3).</summary>
public sealed class MaskKeysTests
{
    [Fact]
    public void Keys_come_from_the_cryptographic_generator_alone()
    {
        MethodInfo next = typeof(MaskKeys).GetMethod(nameof(MaskKeys.Next))!;

        Type[] sources = [.. Called(next).Select(method => method.DeclaringType!).Where(type => type.Name.Contains("Random", StringComparison.Ordinal))];

        Assert.Equal([typeof(RandomNumberGenerator)], sources.Distinct());
    }

    // Each thread fetches many at a time: enough to see that it fetches again, and that no two have the same.
    [Fact]
    public void Keys_of_many_threads_are_all_different()
    {
        const int Threads = 4;
        const int Keys = 3_000;
        var keys = new uint[Threads][];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(i => new Thread(() => keys[i] = [.. Enumerable.Range(0, Keys).Select(_ => MaskKeys.Next(null))]))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());

        // Of 12,000 numbers of 32 bits, two are the same now and then; ten of them never.
        Assert.InRange(keys.SelectMany(of => of).Distinct().Count(), (Threads * Keys) - 10, Threads * Keys);
    }

    /// <summary>Finds the methods that a method calls.</summary>
    private static IEnumerable<MethodBase> Called(MethodInfo method)
    {
        const byte Call = 0x28;
        byte[] code = method.GetMethodBody()!.GetILAsByteArray()!;
        for (int i = 0; i + 4 < code.Length; i++)
        {
            int token = BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(i + 1));
            // A byte of an operand may look the same: what it would call does not exist, or is called nowhere else.
            if (code[i] == Call && token >> 24 is 0x06 or 0x0A or 0x2B && TryResolve(method.Module, token) is { } called)
                yield return called;
        }
    }

    private static MethodBase? TryResolve(Module module, int token)
    {
        try
        {
            return module.ResolveMethod(token);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
