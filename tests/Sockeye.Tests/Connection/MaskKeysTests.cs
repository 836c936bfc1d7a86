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

    // V30: bounds that chance leaves once in a thousand million runs.
    [Fact]
    public void V30_Million_keys_repeat_as_seldom_and_have_each_byte_as_often_as_chance_says()
    {
        const int Keys = 1_000_000;
        uint[] keys = [.. Enumerable.Range(0, Keys).Select(_ => MaskKeys.Next(null))];

        Assert.InRange(Keys - keys.Distinct().Count(), 40, 200); // 116 are expected
        for (int shift = 0; shift < 32; shift += 8)
        {
            int[] counts = new int[256];
            foreach (uint key in keys)
                counts[(byte)(key >> shift)]++;
            const double Expected = Keys / 256.0;
            // The sum of squares has 255 degrees of freedom.
            Assert.InRange(counts.Sum(count => (count - Expected) * (count - Expected) / Expected), 130, 420);
        }
    }

    // V30
    [Fact]
    public async Task V30_Each_frame_has_a_key_of_its_own_and_the_payload_of_the_call()
    {
        const int Frames = 1000;
        await using RawPeer peer = RawPeer.Open(Protocol.Role.Client, o => o with { FragmentSize = 16 * 1024 });
        byte[] payload = new byte[16 * 1024];
        List<uint> keys = [];
        for (int i = 0; i < Frames; i++)
        {
            Array.Fill(payload, (byte)i);
            ValueTask sending = peer.Connection.SendAsync(payload);
            Array.Fill(payload, (byte)~i);
            ReceivedFrame frame = (await peer.ReadFrameAsync())!;
            await sending;
            Assert.True(frame.IsMasked);
            Assert.Equal(-1, frame.Payload.AsSpan().IndexOfAnyExcept((byte)i));
            keys.Add(frame.MaskKey);
        }

        ValueTask large = peer.Connection.SendAsync(new byte[10 * payload.Length]);
        for (int i = 0; i < 10; i++)
            keys.Add((await peer.ReadFrameAsync())!.MaskKey);
        await large;
        Assert.InRange(keys.Distinct().Count(), keys.Count - 2, keys.Count);
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
