using Sockeye.Testing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>An assembler that one connection after the other uses rests between them, and only there.</summary>
public sealed class LentAssemblerTests
{
    private readonly CountingPool _pool = new(trace: false);

    [Fact]
    public void Assembler_rests_where_nothing_is_left_of_a_connection()
    {
        var terms = new AssemblyTerms(Role.Client, ProtocolLimits.Default, _pool, inPieces: false);
        using var assembler = new MessageAssembler(terms);
        for (int connection = 0; connection < 3; connection++)
        {
            assembler.Begin(terms, inflater: null);

            // In the midst of a frame, and of a fragmented message.
            Assert.Equal(ReceivedEventKind.None, Read(assembler, [0x02, 3, 1]));
            Assert.False(assembler.TryRest());
            Assert.Equal(ReceivedEventKind.None, Read(assembler, [2, 3]));
            Assert.False(assembler.TryRest());
            Assert.Equal(ReceivedEventKind.Binary, Read(assembler, [0x80, 0]));

            // A ping in pieces is kept until it has been seen to.
            Assert.Equal(ReceivedEventKind.None, Read(assembler, [0x89, 2, 1]));
            Assert.False(assembler.TryRest());
            Assert.Equal(ReceivedEventKind.Ping, Read(assembler, [2]));
            Assert.True(assembler.TryRest());
        }

        Assert.Equal(0, _pool.Outstanding);
    }

    [Fact]
    public void Assembler_that_has_ended_does_not_rest()
    {
        var terms = new AssemblyTerms(Role.Client, ProtocolLimits.Default, _pool, inPieces: false);
        using var assembler = new MessageAssembler(terms);
        assembler.Begin(terms, inflater: null);
        Assert.Equal(ReceivedEventKind.Close, Read(assembler, [0x88, 0]));
        Assert.False(assembler.TryRest());
    }

    private ReceivedEventKind Read(MessageAssembler assembler, byte[] block)
    {
        assembler.Read(block, out int consumed, out ReceivedEvent received);
        Assert.Equal(block.Length, consumed);
        if (received.Kind == ReceivedEventKind.Binary)
            _pool.Return(received.Gathered!);
        return received.Kind;
    }
}
