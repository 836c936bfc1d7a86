using System.CommandLine;

namespace Sockeye.Cli;

/// <summary><c>sockeye chat</c>: a support desk that answers by a table, and the client to talk to it.</summary>
internal static class ChatCommand
{
    public const string KeyHeader = "x-ws-auth-key";
    public const string KeyParameter = "accessToken";

    public static Command Create()
    {
        var url = new Argument<string?>("url")
        {
            Description = "The server to talk to, such as ws://localhost:5000.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var listen = new Option<int?>("--listen") { Description = "Serves on this port instead; 0 takes any free one." };
        var host = new Option<string>("--host") { Description = "The address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var certificate = new Option<FileInfo?>("--cert") { Description = "A certificate with its key, PFX or PEM: serves wss." };
        var key = new Option<string?>("--key")
        {
            Description = $"A token: a client sends it as {KeyHeader}; a server refuses who has it neither there nor as {KeyParameter} in the URL.",
        };
        var command = new Command("chat", "Runs a chat server, or a chat client.") { url, listen, host, certificate, key };
        command.Validators.Add(result =>
        {
            if (result.GetValue(url) is null == result.GetValue(listen) is null)
                result.AddError("Give either the URL of a server to talk to, or --listen PORT to serve.");
        });
        command.SetAction((parsed, cancel) => parsed.GetValue(listen) is { } port
            ? ChatServer.RunAsync(
                ServerOptions.Create(parsed.GetValue(host)!, port, parsed.GetValue(certificate), origins: null), parsed.GetValue(key), cancel)
            : ChatClient.RunAsync(parsed.GetValue(url)!, parsed.GetValue(key), cancel));
        return command;
    }
}
