using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Cli;

/// <summary>TLS options of a client that trusts the authorities of one file, and no others.</summary>
internal static class TrustedAuthorities
{
    public static SslClientAuthenticationOptions Load(string path)
    {
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(path);
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(trusted);
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
