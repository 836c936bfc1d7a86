using Sockeye.Protocol;

namespace Sockeye.Compression;

/// <summary>What both sides agreed on for permessage-deflate, and how this side goes about it.</summary>
internal sealed record DeflateAgreement(DeflateParameters Parameters, PerMessageDeflateOptions Options);
