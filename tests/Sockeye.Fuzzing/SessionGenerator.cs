using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>Makes sessions: frames that follow the grammar, and then mutations of them, of single bytes too.</summary>
internal sealed class SessionGenerator
{
    private static readonly int[] EdgeSizes = [0, 1, 124, 125, 126, 127, 128, 255, 256, 257];
    private static readonly int[] LargeSizes = [1_000, 4_095, 4_096, 16_384, 65_534, 65_535, 65_536, 65_537];
    private static readonly int[] MessageLimits = [0, 1, 2, 20, 125, 126, 200, 1_000, 65_535, 65_536];

    private readonly Dice _dice;
    private readonly Terms _terms;
    private readonly List<Frame> _frames = [];
    private int _history;
    private bool _isHistoryBinary;

    private SessionGenerator(long seed)
    {
        _dice = new Dice(seed);
        _terms = new Terms(
            _dice.Of([Role.Server, Role.Client]),
            _dice.Happens(25) ? _dice.Of<int>(MessageLimits) : Terms.DefaultMaxMessageSize,
            _dice.Happens(15) ? _dice.Below(5) : Terms.DefaultMaxFragments,
            SkipsUtf8: _dice.Happens(5),
            _dice.Happens(40) ? _dice.Of([DeflateMode.NoContextTakeover, DeflateMode.ContextTakeover]) : DeflateMode.None,
            // By a dice of its own: how it is received changes nothing of what is sent.
            InPieces: new Dice(-seed).Happens(30));
    }

    public static Session Make(long seed)
    {
        var generator = new SessionGenerator(seed);
        return new Session(seed, generator._terms, generator.MakeWire());
    }

    private byte[] MakeWire()
    {
        for (int i = _dice.Within(1, 5); i > 0; i--)
        {
            if (_dice.Happens(20))
                AddControl();
            else
                AddMessage();
        }

        if (_dice.Happens(50))
            _frames.Add(MakeClose());
        var mutations = new Mutations(_dice, _frames);
        if (_dice.Happens(65))
            mutations.MutateFrames();

        List<byte> wire = [];
        foreach (Frame frame in _frames)
            frame.WriteTo(wire, (_terms.Receiver == Role.Server) != frame.IsMaskWrong ? _dice.Bytes(4) : null);
        if (_dice.Happens(20))
            mutations.MutateBytes(wire);
        return [.. wire];
    }

    private void AddMessage()
    {
        bool isText = _dice.Happens(50);
        bool isCompressed = _terms.Deflate != DeflateMode.None && _dice.Happens(70);
        byte[] payload = isCompressed ? Compressed(isText) : isText ? Text(Size()) : _dice.Bytes(Size());
        int fragments = _dice.Happens(60) ? 1 : _dice.Happens(80) ? _dice.Within(2, 4) : Math.Clamp(_terms.MaxFragments, 1, 12) + _dice.Below(2);
        int start = 0;
        for (int i = 0; i < fragments; i++)
        {
            bool isLast = i == fragments - 1;
            int end = isLast ? payload.Length : start + _dice.Below(payload.Length - start + 1);
            int opcode = i > 0 ? 0 : isText ? Frame.Text : Frame.Binary;
            _frames.Add(new Frame((isLast ? Frame.Fin : 0) | (i == 0 && isCompressed ? Frame.Rsv1 : 0) | opcode, payload[start..end]));
            start = end;
            if (!isLast && _dice.Happens(25))
                AddControl();
        }
    }

    private void AddControl() =>
        _frames.Add(new Frame(Frame.Fin | (_dice.Happens(80) ? Frame.Ping : Frame.Pong), _dice.Bytes(_dice.Happens(20) ? 125 : _dice.Below(12))));

    private Frame MakeClose()
    {
        int[] codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
        int code = _dice.Of<int>(codes);
        byte[] reason = _dice.Happens(10) ? [.. Enumerable.Repeat((byte)'r', 123)] : Text(_dice.Below(10));
        return new Frame(Frame.Fin | Frame.Close, _dice.Happens(25) ? [] : [(byte)(code >> 8), (byte)code, .. reason]);
    }

    private byte[] Compressed(bool isText)
    {
        bool keepsContext = _terms.Deflate == DeflateMode.ContextTakeover;
        var blocks = new DeflateBlocks(_dice, isText, keepsContext && !(isText && _isHistoryBinary) ? _history : 0);
        byte[] payload = _dice.Happens(4) ? blocks.WriteBomb(_dice.Within(1, 300)) : blocks.Write();
        _history += blocks.Output;
        _isHistoryBinary |= !isText;
        return payload;
    }

    private int Size() => _dice.Below(100) switch
    {
        < 1 => _dice.Of<int>(LargeSizes),
        < 12 => _dice.Of<int>(EdgeSizes),
        < 30 when _terms.MaxMessageSize is > 0 and <= 1_000 => (int)_terms.MaxMessageSize + _dice.Within(-1, 1),
        < 50 => _dice.Below(140),
        _ => _dice.Below(16),
    };

    private byte[] Text(int size)
    {
        List<byte> text = new(size);
        Span<byte> encoded = stackalloc byte[4];
        while (text.Count < size)
        {
            var rune = new Rune(_dice.Below(8) switch
            {
                0 => _dice.Within(0x80, 0x7FF),
                1 => _dice.Within(0x800, 0xD7FF),
                2 => _dice.Within(0xE000, 0x10FFFF),
                _ => _dice.Below(0x80),
            });
            int length = rune.EncodeToUtf8(encoded);
            if (text.Count + length <= size)
                text.AddRange(encoded[..length]);
        }

        return [.. text];
    }
}
