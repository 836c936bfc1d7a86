using System.Globalization;
using System.Text.Json;

namespace Sockeye.Conformance;

/// <summary>Puts the client of the library through a server that judges clients: <see cref="ClientHost"/>, or any that speaks as it
/// does.</summary>
/// <param name="server">The URL of the server, such as <c>ws://localhost:9001</c>.</param>
/// <param name="agent">The name under which the server reports.</param>
/// <param name="options">How the client connects.</param>
internal sealed class ClientDriver(string server, string agent, WebSocketClientOptions options)
{
    private readonly string _server = server.TrimEnd('/');
    private readonly string _agent = Uri.EscapeDataString(agent);

    /// <summary>Asks how many cases there are.</summary>
    /// <exception cref="IOException">The server cannot be reached, or does not tell.</exception>
    public async Task<int> CountCasesAsync(CancellationToken cancel)
    {
        string? answer = await AskAsync("/getCaseCount", cancel).ConfigureAwait(false);
        return int.TryParse(answer, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            ? count
            : throw new IOException($"{_server} does not say how many cases there are: it must answer /getCaseCount with a number.");
    }

    /// <summary>Plays a case: echoes until the connection ends, however it does.</summary>
    /// <param name="number">The number, from 1.</param>
    /// <param name="cancel">Ends the connection.</param>
    /// <exception cref="IOException">The connection did not come about.</exception>
    public async Task RunCaseAsync(int number, CancellationToken cancel)
    {
        WebSocketConnection socket;
        try
        {
            socket = await ConnectAsync($"/runCase?case={number}&agent={_agent}", cancel).ConfigureAwait(false);
        }
        catch (WebSocketHandshakeException e) when (e.StatusCode is null or < 400)
        {
            return; // such an answer is what some cases are about; one that refuses is none
        }

        await using (socket.ConfigureAwait(false))
        {
            try
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    await socket.SendAsync(message, cancel).ConfigureAwait(false);
            }
            catch (WebSocketClosedException)
            {
                // That is what most cases are about; the server judges how it ended.
            }
        }
    }

    /// <summary>Asks what the server thinks of a case.</summary>
    /// <returns>Such as <c>OK</c> or <c>FAILED</c>; null where the server does not tell.</returns>
    public async Task<string?> FindStatusAsync(int number, CancellationToken cancel)
    {
        try
        {
            string? answer = await AskAsync($"/getCaseStatus?case={number}&agent={_agent}", cancel).ConfigureAwait(false);
            if (answer is null)
                return null;
            using var status = JsonDocument.Parse(answer);
            return Find(status, "behaviorClose") is "FAILED" or "UNCLEAN" or "WRONG CODE" ? "FAILED" : Find(status, "behavior");
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Asks the server to write its reports.</summary>
    public Task UpdateReportsAsync(CancellationToken cancel) => AskAsync($"/updateReports?agent={_agent}", cancel);

    /// <summary>Connects, and takes the first message that comes before the server closes.</summary>
    private async Task<string?> AskAsync(string what, CancellationToken cancel)
    {
        WebSocketConnection socket = await ConnectAsync(what, cancel).ConfigureAwait(false);
        await using (socket.ConfigureAwait(false))
        {
            string? answer = null;
            try
            {
                await foreach (WebSocketMessage message in socket.ReadAllAsync(cancel))
                    answer ??= message.GetText();
            }
            catch (WebSocketClosedException)
            {
                // What has come before counts.
            }

            return answer;
        }
    }

    private static string? Find(JsonDocument status, string name) =>
        status.RootElement.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private Task<WebSocketConnection> ConnectAsync(string target, CancellationToken cancel) =>
        WebSocketClient.ConnectAsync(_server + target, options, cancel);
}
