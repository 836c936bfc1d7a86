using System.Text;
using Sockeye.Protocol.Tests.Framing;

namespace Sockeye.Protocol.Tests.Messages;

/// <summary>Bytes that a peer sends, written frame by frame for either role, and the events that must come of them.</summary>
internal sealed class Session(string name)
{
    private readonly List<(byte First, byte[] Payload, Wire.LengthForm Form, ulong? Declared, bool WrongMask)> _frames = [];
    private readonly List<Seen> _expected = [];
    private int? _cutTo;

    public string Name => name;

    public IReadOnlyList<Seen> Expected => _expected;

    public ProtocolLimits? Limits { get; init; }

    /// <summary>Gets whether permessage-deflate is negotiated (null: it is not), and with the context taken over.</summary>
    public bool? TakesOver { get; init; }

    public Session Frame(byte first, string payload = "", Wire.LengthForm form = Wire.LengthForm.Shortest) =>
        Frame(first, Encoding.UTF8.GetBytes(payload), form);

    public Session Frame(byte first, byte[] payload, Wire.LengthForm form = Wire.LengthForm.Shortest)
    {
        _frames.Add((first, payload, form, null, false));
        return this;
    }

    /// <summary>Adds a frame that has the mask bit that its receiver forbids.</summary>
    public Session WronglyMasked(byte first, string payload)
    {
        _frames.Add((first, Encoding.UTF8.GetBytes(payload), Wire.LengthForm.Shortest, null, true));
        return this;
    }

    /// <summary>Adds a frame that declares more than it brings.</summary>
    public Session Declaring(byte first, ulong length, string payload = "", Wire.LengthForm form = Wire.LengthForm.Shortest)
    {
        _frames.Add((first, Encoding.UTF8.GetBytes(payload), form, length, false));
        return this;
    }

    /// <summary>Ends the last frame after so many of its bytes.</summary>
    public Session CutLastFrameTo(int bytes)
    {
        _cutTo = bytes;
        return this;
    }

    public Session Gives(params Seen[] events)
    {
        _expected.AddRange(events);
        return this;
    }

    /// <summary>Writes the session, and tells where its frames begin.</summary>
    public byte[] ToBytes(Role receiver, out List<int> starts)
    {
        List<byte> bytes = [];
        starts = [];
        for (int i = 0; i < _frames.Count; i++)
        {
            (byte first, byte[] payload, Wire.LengthForm form, ulong? declared, bool wrongMask) = _frames[i];
            byte[]? key = (receiver == Role.Server) != wrongMask ? [0x37, (byte)(0xFA - i), 0x21, (byte)(i * 77)] : null;
            byte[] frame = [.. Wire.Header(first, declared ?? (ulong)payload.Length, key, form), .. Wire.Mask(payload, key)];
            starts.Add(bytes.Count);
            bytes.AddRange(i == _frames.Count - 1 && _cutTo is { } cut ? frame[..cut] : frame);
        }

        return [.. bytes];
    }

    public byte[] ToBytes(Role receiver) => ToBytes(receiver, out _);

    public override string ToString() => name;
}
