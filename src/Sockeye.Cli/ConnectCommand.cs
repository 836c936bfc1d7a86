using System.CommandLine;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary><c>sockeye connect</c>: lines in, messages out; for pipes as well as for a terminal.</summary>
internal static class ConnectCommand
{
    private const string Name = "connect";
    private const int Interrupted = 130;

    /// <summary>How long a pong is waited for where pings are sent more often.</summary>
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The server, such as wss://example.com/feed." };
        var command = new Command(Name, "Connects to a server: standard input goes out as text, a message a line.") { url };
        var client = new ClientArguments();
        client.AddTo(command);
        var arguments = new ConnectArguments();
        arguments.AddTo(command);
        command.SetAction((parsed, cancel) =>
            RunAsync(
                parsed.GetValue(url)!,
                () => (client.Read(parsed), arguments.Read(parsed)),
                arguments.ReadOutput(parsed, client.IsHttp2(parsed)),
                cancel));
        return command;
    }

    /// <summary>Tells what is wrong with a command line as a line of JSON, where those are asked for.</summary>
    /// <returns>Whether it did: the command does not run then.</returns>
    public static bool TryRefuse(ParseResult parsed)
    {
        if (parsed.Action is not ParseErrorAction || parsed.CommandResult.Command.Name != Name || parsed.GetResult("--json") is null)
            return false;
        new ConnectJsonOutput(isVerbose: false).Failed(string.Join(" ", parsed.Errors.Select(error => error.Message)));
        return true;
    }

    private static async Task<int> RunAsync(
        string url, Func<(WebSocketClientOptions Client, ConnectPlan Plan)> read, ConnectOutput output, CancellationToken cancel)
    {
        LinePrompt? prompt = null;
        try
        {
            (WebSocketClientOptions client, ConnectPlan plan) = read();
            client = client with
            {
                RequestCallback = (request, _) =>
                {
                    output.Connecting(request.Uri);
                    return default;
                },
                RequestSentCallback = output.Asking,
                ResponseCallback = output.Answered,
            };
            prompt = plan.ReadsInput ? LinePrompt.TryTakeConsole() : null;
            var input = new ConnectInput(plan, prompt);
            if (plan.Reconnects)
                return await RunForeverAsync(url, client, plan, input, output, cancel);
            await using WebSocketConnection socket = await WebSocketClient.ConnectAsync(url, client, cancel);
            return (await RunOnceAsync(socket, plan, input, output, cancel)).ExitCode;
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException or CryptographicException)
        {
            output.Failed(e);
            return 1;
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        finally
        {
            prompt?.Leave();
        }
    }

    /// <summary>Connects again after each loss, until all has been sent or a failure is final.</summary>
    private static async Task<int> RunForeverAsync(
        string url, WebSocketClientOptions client, ConnectPlan plan, ConnectInput input, ConnectOutput output, CancellationToken cancel)
    {
        var options = new ReconnectOptions
        {
            Client = client,
            IsFatal = failure =>
            {
                // How a connection ended has been shown; that of a final failure is in what is thrown.
                if (failure.Result is null && !failure.IsFatal)
                    output.Failed(failure.Exception);
                return failure.IsFatal;
            },
        };
        int exitCode = 1;
        bool hasLost = false;
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(url, options, cancel))
        {
            (exitCode, bool isDone) = await RunOnceAsync(socket, plan, input, output, cancel);
            hasLost |= input.LostLines > 0;
            if (isDone)
                break;
        }

        return hasLost ? 1 : exitCode;
    }

    /// <summary>Serves one connection to its end.</summary>
    /// <returns>What the process returns where this was the last one, and whether it is: all was sent, or Ctrl-C came.</returns>
    private static async Task<(int ExitCode, bool IsDone)> RunOnceAsync(
        WebSocketConnection socket, ConnectPlan plan, ConnectInput input, ConnectOutput output, CancellationToken cancel)
    {
        output.Opened(socket);
        using var ended = new CancellationTokenSource();
        Task<bool> sending = Task.Run(() => input.SendAsync(socket, ended.Token), CancellationToken.None);
        Task printing = PrintAsync(socket, output);
        Task pinging = plan.Ping is { } every ? PingAsync(socket, every, output, ended.Token) : Task.CompletedTask;
        try
        {
            await socket.Closed.WaitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            await socket.CloseAsync(CloseCode.Normal, "", CancellationToken.None);
        }

        await printing;
        await ended.CancelAsync();
        await pinging;
        CloseResult end = await socket.Closed;
        output.Closed(end);
        bool isDone = await sending || cancel.IsCancellationRequested;
        if (input.LostLines is > 0 and int lost)
            output.Failed(lost == 1 ? "1 line may not have arrived." : $"{lost} lines may not have arrived.");
        return (end.IsClean && input.LostLines == 0 ? 0 : 1, isDone);
    }

    private static async Task PrintAsync(WebSocketConnection socket, ConnectOutput output)
    {
        await foreach (WebSocketEvent e in socket.ReadEventsAsync())
        {
            if (e.Kind != WebSocketEventKind.Close)
                output.Received(e);
        }
    }

    private static async Task PingAsync(WebSocketConnection socket, TimeSpan every, ConnectOutput output, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(every);
        TimeSpan patience = every > PingPatience ? every : PingPatience;
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(ended);
                limit.CancelAfter(patience);
                try
                {
                    output.RoundTrip(await socket.PingAsync(cancellationToken: limit.Token));
                }
                catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !ended.IsCancellationRequested))
                {
                    output.Failed(string.Create(CultureInfo.InvariantCulture, $"No pong came within {patience.TotalSeconds} s."));
                }
            }
        }
        catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException)
        {
            // How it ended is told once, at the end.
        }
    }
}
