using System.CommandLine;
using System.Security.Cryptography;
using Sockeye.Protocol;

namespace Sockeye.Cli;

/// <summary><c>sockeye connect</c>: lines in, messages out; for pipes as well as for a terminal.</summary>
internal static class ConnectCommand
{
    private const int Interrupted = 130;

    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "The server, such as wss://example.com/feed." };
        var command = new Command("connect", "Connects to a server: standard input goes out as text, a message a line.") { url };
        var client = new ClientArguments();
        client.AddTo(command);
        var arguments = new ConnectArguments();
        arguments.AddTo(command);
        command.SetAction((parsed, cancel) =>
            RunAsync(parsed.GetValue(url)!, () => (client.Read(parsed), arguments.Read(parsed)), cancel));
        return command;
    }

    private static async Task<int> RunAsync(
        string url, Func<(WebSocketClientOptions Client, ConnectPlan Plan)> read, CancellationToken cancel)
    {
        ConnectOutput output = new ConnectTextOutput(isVerbose: false);
        LinePrompt? prompt = null;
        try
        {
            (WebSocketClientOptions client, ConnectPlan plan) = read();
            output = ConnectOutput.Create(plan);
            client = client with
            {
                RequestCallback = (request, _) =>
                {
                    output.Connecting(request.Uri);
                    return default;
                },
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
            output.Failed(e.Message);
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
                    output.Failed(failure.Exception.Message);
                return failure.IsFatal;
            },
        };
        int exitCode = 1;
        await foreach (WebSocketConnection socket in WebSocketClient.ConnectForeverAsync(url, options, cancel))
        {
            (exitCode, bool isDone) = await RunOnceAsync(socket, plan, input, output, cancel);
            if (isDone)
                break;
        }

        return exitCode;
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
        return (end.IsClean ? 0 : 1, await sending || cancel.IsCancellationRequested);
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
        try
        {
            while (await timer.WaitForNextTickAsync(ended))
                output.RoundTrip(await socket.PingAsync(cancellationToken: ended));
        }
        catch (Exception e) when (e is WebSocketClosedException or OperationCanceledException or TimeoutException)
        {
            // How it ended is told once, at the end.
        }
    }
}
