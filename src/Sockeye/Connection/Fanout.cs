using System.Runtime.InteropServices;
using Sockeye.Compression;

namespace Sockeye;

/// <summary>Sends prepared messages to many connections, each in the same order: what a broadcast and a topic have in common.</summary>
/// <remarks>Each message is written once, into memory that all its receivers send from: for each form of it (plain, and one for each set
/// of compression parameters) a stretch of its own. One thread at a time sends, under <see cref="Sync"/>, from the first
/// <see cref="Send"/> of a message to its <see cref="End"/>.</remarks>
internal sealed class Fanout
{
    private const int ChunkSize = 64 * 1024;

    private readonly Form _plain = new(settings: null);
    private readonly List<Form> _compressed = [];
    private readonly FanoutFlush _flush = new();

    /// <summary>Gets the lock that its user holds.</summary>
    public Lock Sync { get; } = new();

    /// <summary>Sends the message to one more connection. Refuses it where that one is slow.</summary>
    public SendResult Send(PreparedMessage message, WebSocketConnection connection)
    {
        SendBuffer output = connection.Send;
        if (!output.CanShare(message))
            return output.TrySendPrepared(message);

        DeflateAgreement? agreement = output.CompressesShared(message);
        Form form = agreement is null ? _plain : FormOf(agreement.DeflaterSettings);
        if (!form.IsWritten)
            form.Write(agreement is null ? message.Frame : message.CompressedFrame(agreement), connection.Buffers);
        SendResult result = output.TrySendShared(form.Frames!, form.Start, agreement is not null, out bool isFlushOwed);
        if (isFlushOwed)
            _flush.Add(output);
        return result;
    }

    /// <summary>Ends a message: what was sent leaves, and the next one may begin.</summary>
    public void End()
    {
        _plain.End();
        foreach (Form form in _compressed)
            form.End();
        _flush.Start();
    }

    /// <summary>Lets go of the memory, until something is sent again.</summary>
    public void Release()
    {
        _plain.Release();
        foreach (Form form in _compressed)
            form.Release();
        _compressed.Clear();
    }

    private Form FormOf(DeflaterSettings settings)
    {
        foreach (Form form in CollectionsMarshal.AsSpan(_compressed))
        {
            if (form.Settings == settings)
                return form;
        }

        var made = new Form(settings);
        _compressed.Add(made);
        return made;
    }

    /// <summary>One form of the messages: plain, or compressed on some terms.</summary>
    private sealed class Form(DeflaterSettings? settings)
    {
        public DeflaterSettings? Settings => settings;

        public SharedFrames? Frames { get; private set; }

        public int Start { get; private set; }

        public bool IsWritten { get; private set; }

        public void Write(ReadOnlyMemory<byte> frame, Transports.BufferPool buffers)
        {
            if (Frames is not { } frames || !frames.HasRoom(frame.Length))
            {
                Frames?.Release();
                Frames = frames = new SharedFrames(buffers.Arrays, Math.Max(ChunkSize, frame.Length));
            }

            Start = frames.Append(frame.Span);
            IsWritten = true;
        }

        public void End() => IsWritten = false;

        public void Release()
        {
            Frames?.Release();
            Frames = null;
        }
    }
}
