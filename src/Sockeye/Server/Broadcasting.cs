using System.Runtime.InteropServices;
using Sockeye.Compression;

namespace Sockeye;

/// <summary>Sends prepared messages to many connections, each in the same order.</summary>
/// <remarks>Each message is written once, into memory that all its receivers send from: for each form of it (plain, and one for each set
/// of compression parameters) a stretch of its own. One thread at a time broadcasts, under the lock.</remarks>
internal sealed class Broadcasting(ServerConnections connections)
{
    private const int ChunkSize = 64 * 1024;

    private readonly Lock _sync = new();
    private readonly List<Form> _forms = [];
    private BroadcastFlush? _flush;
    private BroadcastFlush? _spareFlush;

    public BroadcastResult Send(PreparedMessage message, WebSocketConnection? except, string? path)
    {
        int accepted = 0;
        int skipped = 0;
        lock (_sync)
        {
            try
            {
                foreach (WebSocketConnection connection in connections.OpenConnections())
                {
                    if (connection == except || (path is not null && connection.Details.Path != path))
                        continue;
                    switch (Send(message, connection))
                    {
                        case SendResult.Accepted or SendResult.AcceptedAboveHighWater:
                            accepted++;
                            break;
                        case SendResult.Full:
                            skipped++;
                            break;
                    }
                }
            }
            finally
            {
                foreach (Form form in _forms)
                    form.End();
                _flush?.Start();
                _flush = null;
            }
        }

        return new BroadcastResult(accepted, skipped);
    }

    /// <summary>Lets go of the memory, when the server has stopped.</summary>
    public void Release()
    {
        lock (_sync)
        {
            foreach (Form form in _forms)
                form.Frames?.Release();
            _forms.Clear();
        }
    }

    private SendResult Send(PreparedMessage message, WebSocketConnection connection)
    {
        SendBuffer output = connection.Send;
        if (!output.CanShare(message))
            return connection.Send.IsAboveHighWater ? SendResult.Full : connection.TrySend(message.Payload.Span, message.Kind, message.Options);

        DeflateAgreement? agreement = output.CompressesShared(message);
        Form form = FormOf(agreement);
        if (!form.IsWritten)
            form.Write(agreement is null ? message.Frame : message.CompressedFrame(agreement), connection.Buffers);
        SendResult result = output.TrySendShared(form.Frames!, form.Start, agreement is not null, out bool isFlushOwed);
        if (isFlushOwed)
        {
            _flush ??= Interlocked.Exchange(ref _spareFlush, null) ?? new BroadcastFlush(ended => _spareFlush = ended);
            _flush.Add(output);
        }

        return result;
    }

    private Form FormOf(DeflateAgreement? agreement)
    {
        DeflaterSettings? settings = agreement?.DeflaterSettings;
        foreach (Form form in CollectionsMarshal.AsSpan(_forms))
        {
            if (form.Settings == settings)
                return form;
        }

        var made = new Form(settings);
        _forms.Add(made);
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
    }
}

/// <summary>Says whom a broadcast reached.</summary>
/// <param name="Accepted">How many connections have accepted the message.</param>
/// <param name="Skipped">How many were skipped because more than <see cref="WebSocketConnectionOptions.HighWaterMark"/> bytes would wait
/// there: their peers read more slowly than is sent.</param>
public readonly record struct BroadcastResult(int Accepted, int Skipped);
