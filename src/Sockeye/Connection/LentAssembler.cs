using Sockeye.Protocol;
using Sockeye.Transports;

namespace Sockeye;

/// <summary>An assembler that one connection after the other uses: for as long as it is in the midst of a message, and no longer.</summary>
internal sealed class LentAssembler(AssemblyTerms terms) : ISpare<LentAssembler>
{
    public MessageAssembler Assembler { get; } = new(terms);

    public LentAssembler? Next { get; set; }

    public static LentAssembler Rent(AssemblyTerms terms, IMessageInflater? inflater)
    {
        LentAssembler lent = Spares<LentAssembler>.Take() ?? new LentAssembler(terms);
        lent.Assembler.Begin(terms, inflater);
        return lent;
    }

    /// <summary>Gives the assembler back, unless it is in the midst of a message.</summary>
    public bool TryReturn()
    {
        if (!Assembler.TryRest())
            return false;
        Spares<LentAssembler>.Give(this);
        return true;
    }
}
