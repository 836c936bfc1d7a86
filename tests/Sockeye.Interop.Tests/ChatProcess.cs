using System.Text.Json;

namespace Sockeye.Interop.Tests;

/// <summary>The chat sample, which ends and comes back where it was when its visitors ask for it, and what they tell.</summary>
internal sealed class ChatProcess : IAsyncDisposable
{
    private PeerProcess _server = Start("0");

    public ChatProcess() => Url = _server.WaitForLine("Chat at ");

    public string Url { get; }

    /// <summary>Gets everything that the server has printed.</summary>
    public string Output => _server.Output;

    public static JsonElement Step(PeerProcess pages, string name)
    {
        using var line = JsonDocument.Parse('{' + pages.WaitForLine($$"""{"step":"{{name}}",""")); // without its name
        return line.RootElement.Clone();
    }

    public static string[] Strings(JsonElement step, string name) =>
        [.. step.GetProperty(name).EnumerateArray().Select(one => one.GetString()!.Trim())];

    public static int Number(JsonElement step, string name) => step.GetProperty(name).GetInt32();

    public async Task EndAsync(PeerProcess pages)
    {
        pages.WaitForLine("END THE SERVER");
        _server.Kill();
        await _server.WaitForExitAsync();
        await pages.Input.WriteLineAsync();
    }

    public async Task StartAgainAsync(PeerProcess pages)
    {
        pages.WaitForLine("START THE SERVER");
        await _server.DisposeAsync();
        _server = Start(new Uri(Url).Port.ToString());
        Assert.Equal(Url, _server.WaitForLine("Chat at "));
        await pages.Input.WriteLineAsync();
    }

    /// <summary>Ends the server by Ctrl-C, so that it prints all that it has to say.</summary>
    public async Task StopAsync()
    {
        _server.Interrupt();
        await _server.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_server.HasExited)
            _server.Kill();
        await _server.DisposeAsync();
    }

    private static PeerProcess Start(string port) =>
        PeerProcess.Start("env", "--default-signal=INT", "dotnet", Repository.Program("Chat"), port);
}
