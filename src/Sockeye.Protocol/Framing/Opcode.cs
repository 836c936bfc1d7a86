namespace Sockeye.Protocol;

/// <summary>Says what a frame carries (RFC 6455, section 5.2). Values 3–7 and 11–15 are reserved.</summary>
public enum Opcode : byte
{
    /// <summary>0: the next fragment of a message.</summary>
    Continuation = 0x0,

    /// <summary>1: a text message or its first fragment; UTF-8.</summary>
    Text = 0x1,

    /// <summary>2: a binary message or its first fragment.</summary>
    Binary = 0x2,

    /// <summary>8: the end of what its sender sends.</summary>
    Close = 0x8,

    /// <summary>9: asks for a pong.</summary>
    Ping = 0x9,

    /// <summary>10: answers a ping, or says unasked that its sender is alive.</summary>
    Pong = 0xA,
}
