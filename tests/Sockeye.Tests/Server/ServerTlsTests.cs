using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Sockeye.Protocol;

namespace Sockeye.Tests.Server;

public sealed class ServerTlsTests
{
    [Fact]
    public async Task Server_with_TLS_echoes_refuses_and_says_good_bye()
    {
        await using ServerTest test = await TlsServerAsync(TestCertificates.Serving(TestCertificates.Server));
        using RawClient client = await SecureAsync(test);
        await client.SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.SendFrameAsync(Opcode.Text, "secret");
        Assert.Equal("secret", await client.ReadTextAsync());
        await client.SendFrameAsync(Opcode.Close, "");
        Assert.Equal(Opcode.Close, (await client.ReadFrameAsync())?.Opcode);
        Assert.Null(await client.ReadFrameAsync()); // close_notify: an end without it throws

        using RawClient refused = await SecureAsync(test);
        await refused.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 426 ", await refused.ReadToEndAsync(), StringComparison.Ordinal);

        client.Dispose();
        refused.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    // H3: the scheme is known where this process terminates TLS
    [Theory]
    [InlineData("https", 101)]
    [InlineData("http", 403)]
    public async Task Server_with_TLS_compares_the_scheme_of_the_origin(string scheme, int status)
    {
        await using ServerTest test = await TlsServerAsync(TestCertificates.Serving(TestCertificates.Server));
        using RawClient client = await SecureAsync(test);

        await client.SendAsync(RawClient.Request(test.Server, "/", $"Origin: {scheme}://{test.Host}\r\n"));

        Assert.StartsWith($"HTTP/1.1 {status} ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_with_TLS_given_plain_HTTP_or_rubbish_ends_that_connection_and_serves_the_next()
    {
        await using ServerTest test = await TlsServerAsync(TestCertificates.Serving(TestCertificates.Server));
        foreach (string sent in (string[])["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u0016\u0003\u0001\u0000\u0005hello", new string('\0', 1000)])
        {
            using RawClient plain = await RawClient.ConnectAsync(test.Server);
            await plain.SendAsync(sent);
            Assert.DoesNotContain("HTTP/1.1", await plain.ReadToAnyEndAsync(), StringComparison.Ordinal);
        }

        using RawClient client = await SecureAsync(test);
        await client.SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        client.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    // V33: the deadline runs from the socket, not from the end of TLS
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Server_with_TLS_cuts_who_does_not_get_done_before_and_behind_TLS(bool finishesTls)
    {
        await using ServerTest test = await TlsServerAsync(TestCertificates.Serving(TestCertificates.Server));
        using RawClient slow = await RawClient.ConnectAsync(test.Server);
        await test.AcceptedAsync(1);
        if (finishesTls)
            await slow.SecureAsync(ClientOptions());
        test.Advance(TimeSpan.FromSeconds(9.9));
        if (finishesTls)
            await slow.SendAsync("GET / ");
        else
            await slow.SendAsync("\u0016");

        test.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("", await slow.ReadToAnyEndAsync());
        slow.Dispose();
        await test.AssertNothingIsLeftAsync();
    }

    [Theory]
    [InlineData("both.pem")]
    [InlineData("separate.pem")]
    [InlineData("encrypted.pem")]
    [InlineData("open.pfx")]
    [InlineData("closed.pfx")]
    public async Task ServerCertificate_from_each_kind_of_file_serves(string file)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("sockeye");
        string path = Path.Combine(directory.FullName, file);
        X509Certificate2 certificate = TestCertificates.Server;
        string pem = certificate.ExportCertificatePem();
        using var key = certificate.GetECDsaPrivateKey()!;
        string keyPem = key.ExportPkcs8PrivateKeyPem();
        SslServerAuthenticationOptions options;
        switch (file)
        {
            case "both.pem":
                await File.WriteAllTextAsync(path, pem + "\n" + keyPem);
                options = ServerCertificate.FromFile(path);
                break;
            case "separate.pem":
                await File.WriteAllTextAsync(path, pem);
                await File.WriteAllTextAsync(path + ".key", keyPem);
                options = ServerCertificate.FromPemFile(path, path + ".key");
                break;
            case "encrypted.pem":
                var parameters = new System.Security.Cryptography.PbeParameters(
                    System.Security.Cryptography.PbeEncryptionAlgorithm.Aes256Cbc, System.Security.Cryptography.HashAlgorithmName.SHA256, 1000);
                await File.WriteAllTextAsync(path, pem + "\n" + key.ExportEncryptedPkcs8PrivateKeyPem("open sesame", parameters));
                options = ServerCertificate.FromFile(path, "open sesame");
                break;
            default:
                string? password = file == "open.pfx" ? null : "open sesame";
                await File.WriteAllBytesAsync(path, certificate.Export(X509ContentType.Pkcs12, password));
                options = ServerCertificate.FromFile(path, password);
                break;
        }

        await using ServerTest test = await TlsServerAsync(options);
        using RawClient client = await SecureAsync(test);
        await client.SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task ServerCertificate_from_a_file_that_cannot_serve_throws()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("sockeye");
        string path = Path.Combine(directory.FullName, "a");
        Assert.Throws<FileNotFoundException>(() => ServerCertificate.FromFile(path));
        await File.WriteAllTextAsync(path, "rubbish");
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => ServerCertificate.FromFile(path));
        await File.WriteAllTextAsync(path, TestCertificates.Server.ExportCertificatePem());
        Assert.ThrowsAny<System.Security.Cryptography.CryptographicException>(() => ServerCertificate.FromFile(path));
        using X509Certificate2 withoutKey = X509CertificateLoader.LoadCertificate(TestCertificates.Server.RawData);
        await File.WriteAllBytesAsync(path, withoutKey.Export(X509ContentType.Pkcs12));
        Assert.Throws<ArgumentException>(() => ServerCertificate.FromFile(path));
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Server_with_TLS_whose_client_does_not_trust_it_goes_on()
    {
        await using ServerTest test = await TlsServerAsync(TestCertificates.Serving(TestCertificates.Server));
        using (RawClient distrustful = await RawClient.ConnectAsync(test.Server))
            await Assert.ThrowsAsync<AuthenticationException>(() => distrustful.SecureAsync(new() { TargetHost = "localhost" }));

        using RawClient client = await SecureAsync(test);
        await client.SendAsync(RawClient.Request(test.Server));
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    private static Task<ServerTest> TlsServerAsync(SslServerAuthenticationOptions tls) =>
        ServerTest.EchoAsync(options => options with { Tls = tls });

    private static SslClientAuthenticationOptions ClientOptions()
    {
        SslClientAuthenticationOptions options = TestCertificates.Trusting();
        options.TargetHost = "localhost";
        return options;
    }

    private static async Task<RawClient> SecureAsync(ServerTest test)
    {
        RawClient client = await RawClient.ConnectAsync(test.Server);
        await client.SecureAsync(ClientOptions());
        return client;
    }
}
