using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>What kind of thing was received.</summary>
public enum ItemKind
{
    Text = 1,
    Binary = 2,
    Ping = 9,
    Pong = 10,
}

/// <summary>A message, or a ping or pong.</summary>
public readonly record struct Item(ItemKind Kind, byte[] Payload)
{
    public bool IsMessage => Kind is ItemKind.Text or ItemKind.Binary;

    public bool Equals(Item other) => Kind == other.Kind && Payload.AsSpan().SequenceEqual(other.Payload);

    public override int GetHashCode() => HashCode.Combine(Kind, Payload.Length);

    public override string ToString() =>
        $"{Kind} {(Payload.Length <= 40 ? Convert.ToHexStringLower(Payload) : $"{Payload.Length} bytes {Convert.ToHexStringLower(Payload, 0, 16)}…")}";
}

/// <summary>What became of a session.</summary>
public sealed class Outcome
{
    public const int NoStatus = 1005;

    public List<Item> Items { get; } = [];

    /// <summary>Gets or sets the code of the Close frame that came (1005 where it held none), or the code for the rule that was
    /// broken; 0 where there was neither.</summary>
    public int Code { get; set; }

    /// <summary>Gets or sets the reason of the Close frame that came.</summary>
    public byte[] Reason { get; set; } = [];

    /// <summary>Gets the rules that were broken by the byte that ended the session: one where the receiver judged, all that apply
    /// where the model did.</summary>
    public List<(Rule Rule, int Code)> Broken { get; } = [];

    /// <summary>Gets or sets whether the specification says what becomes of the session, but not when.</summary>
    public bool IsUndecided { get; set; }

    /// <summary>Gets or sets whether pieces of a message have come, and its end has not.</summary>
    public bool IsInsideMessage { get; set; }

    /// <summary>Gets where the frames ended that the model took.</summary>
    public List<int> FrameEnds { get; } = [];

    public bool IsClosed => Code != 0 && Broken.Count == 0;

    /// <summary>Tells whether a receiver that saw this agrees with the model, which allows any of the rules that were broken at
    /// once.</summary>
    public bool Satisfies(Outcome model) =>
        Items.SequenceEqual(model.Items)
        && Reason.AsSpan().SequenceEqual(model.Reason)
        && (Broken.Count == 0 ? Code == model.Code && model.Broken.Count == 0 : model.Broken.Contains(Broken[0]) && Code == Broken[0].Code);

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (Item item in Items.TakeLast(8))
            text.Append(item).Append("; ");
        if (Broken.Count > 0)
            text.Append("breaks ").AppendJoin(" or ", Broken.Select(broken => $"{broken.Rule} ({broken.Code})"));
        else if (IsClosed)
            text.Append("Close ").Append(Code).Append(' ').Append(Convert.ToHexStringLower(Reason));
        else
            text.Append("open");
        return text.ToString();
    }
}
