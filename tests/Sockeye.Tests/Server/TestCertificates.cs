using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Tests.Server;

/// <summary>A certificate authority of the tests' own, in memory.</summary>
internal static class TestCertificates
{
    private static readonly X509Certificate2 Authority = MakeAuthority();

    /// <summary>For localhost and the loopback addresses.</summary>
    public static X509Certificate2 Server { get; } = Issue("localhost", DateTimeOffset.UtcNow.AddDays(30));

    public static X509Certificate2 WrongHost { get; } = Issue("elsewhere.example", DateTimeOffset.UtcNow.AddDays(30));

    public static X509Certificate2 Expired { get; } = Issue("localhost", DateTimeOffset.UtcNow.AddDays(-1));

    /// <summary>Makes the options of a client that trusts the authority, and nothing else.</summary>
    public static SslClientAuthenticationOptions Trusting()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.Add(Authority);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }

    public static SslServerAuthenticationOptions Serving(X509Certificate2 certificate) => new() { ServerCertificate = certificate };

    private static X509Certificate2 MakeAuthority()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Sockeye test authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-60), DateTimeOffset.UtcNow.AddDays(60));
    }

    /// <summary>Makes a certificate for a name that no other test uses.</summary>
    public static X509Certificate2 For(string host) => Issue(host, DateTimeOffset.UtcNow.AddDays(30));

    private static X509Certificate2 Issue(string host, DateTimeOffset until)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        if (host == "localhost")
        {
            names.AddIpAddress(IPAddress.Loopback);
            names.AddIpAddress(IPAddress.IPv6Loopback);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        byte[] serial = RandomNumberGenerator.GetBytes(8);
        using X509Certificate2 issued = request.Create(Authority, DateTimeOffset.UtcNow.AddDays(-30), until, serial);
        using X509Certificate2 withKey = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
