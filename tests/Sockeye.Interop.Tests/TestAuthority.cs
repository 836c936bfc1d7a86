using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Sockeye.Interop.Tests;

/// <summary>TLS for clients that trust the test authority and no other.</summary>
internal static class TestAuthority
{
    public static SslClientAuthenticationOptions ClientOptions()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.ImportFromPemFile(Peers.Certificate("ca.pem"));
        return new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
    }
}
