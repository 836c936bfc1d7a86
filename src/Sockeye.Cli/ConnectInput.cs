using System.Threading.Channels;

namespace Sockeye.Cli;

/// <summary>What <c>sockeye connect</c> sends: the texts and files that it was given, or the lines of standard input, over as many
/// connections as there come to be.</summary>
/// <param name="plan">What is sent.</param>
/// <param name="prompt">What asks for the lines; null where they are read as they come.</param>
internal sealed class ConnectInput(ConnectPlan plan, LinePrompt? prompt)
{
    private const int PieceSize = 64 * 1024;

    private ChannelReader<string>? _lines;

    // Taken, and not accepted by any connection yet.
    private string? _line;

    // On the connection of the moment.
    private SentLines _sent = new();

    /// <summary>Gets how many lines the last connection, which has ended, may have taken with it. They are not sent again.</summary>
    public int LostLines { get; private set; }

    /// <summary>Sends what there is to send on a connection, and waits for its end.</summary>
    /// <inheritdoc cref="TrySendAsync"/>
    public async Task<bool> SendAsync(WebSocketConnection socket, CancellationToken ended)
    {
        _sent = new SentLines();
        bool isDone = await TrySendAsync(socket, ended);
        LostLines = await _sent.CountLostAsync(await socket.Closed);
        return isDone;
    }

    /// <summary>Sends what there is to send, and closes the connection behind it.</summary>
    /// <param name="socket">The connection.</param>
    /// <param name="ended">Fires when the connection has ended.</param>
    /// <returns>Whether all was sent; false where the connection ended before that.</returns>
    private async Task<bool> TrySendAsync(WebSocketConnection socket, CancellationToken ended)
    {
        try
        {
            foreach (string text in plan.Texts)
                await socket.SendTextAsync(text, ended);
            foreach (FileInfo file in plan.Files)
                await SendFileAsync(socket, file, ended);
            if (plan.ReadsInput)
                await SendLinesAsync(socket, ended);
            await WaitForAnswersAsync(socket, ended);
            if (plan.Wait is { } wait)
                await Task.Delay(wait, ended);
            _ = socket.CloseAsync(cancellationToken: CancellationToken.None);
            return true;
        }
        catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException)
        {
            // How it ended is told once, at the end.
            return false;
        }
        catch (Exception)
        {
            // There is something that cannot be read.
            _ = socket.CloseAsync(cancellationToken: CancellationToken.None);
            throw;
        }
    }

    private async Task SendLinesAsync(WebSocketConnection socket, CancellationToken ended)
    {
        _lines ??= ReadLines();
        while (_line is not null || await _lines.WaitToReadAsync(ended))
        {
            _line ??= await _lines.ReadAsync(ended);
            await socket.SendTextAsync(_line, ended);
            _line = null;
            _sent.Add(socket);
        }
    }

    /// <summary>Reads standard input, a line ahead of what is sent.</summary>
    private ChannelReader<string> ReadLines()
    {
        var lines = Channel.CreateBounded<string>(1);
        // The console blocks: it is read on a thread of the pool, which the end of the process does not wait for.
        _ = Task.Run(async () =>
        {
            try
            {
                while ((prompt is null ? await Console.In.ReadLineAsync() : prompt.ReadLine()) is { } line)
                    await lines.Writer.WriteAsync(line);
                lines.Writer.Complete();
            }
            catch (IOException e)
            {
                lines.Writer.Complete(e);
            }
        });
        return lines.Reader;
    }

    /// <summary>Sends a file as one message, without holding it whole: a frame where it is small, else fragments.</summary>
    private static async Task SendFileAsync(WebSocketConnection socket, FileInfo file, CancellationToken ended)
    {
        await using FileStream stream = file.OpenRead();
        await using StreamedMessage message = socket.OpenMessage();
        byte[] piece = new byte[PieceSize];
        byte[] next = new byte[PieceSize];
        int count = await stream.ReadAtLeastAsync(piece, PieceSize, throwOnEndOfStream: false, ended);
        int following;
        while ((following = await stream.ReadAtLeastAsync(next, PieceSize, throwOnEndOfStream: false, ended)) > 0)
        {
            await message.WriteAsync(piece.AsMemory(0, count), ended);
            (piece, next, count) = (next, piece, following);
        }

        await message.CompleteAsync(piece.AsMemory(0, count), ended);
    }

    /// <summary>Lets the server answer what was sent: messages that come after our Close would be dropped.</summary>
    private static async Task WaitForAnswersAsync(WebSocketConnection socket, CancellationToken ended)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ended);
        patience.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            await socket.ConfirmAsync(patience.Token);
        }
        catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !ended.IsCancellationRequested))
        {
            // A server that does not answer pings is not waited for longer.
        }
    }
}
