using System.Text;
using Sockeye.Protocol;

namespace Sockeye.Fuzzing;

/// <summary>Sends requests to upgrade to the bare core, cut in any way, and compares its answers with <see cref="SpecHandshake"/>.</summary>
public static class HandshakeFuzzer
{
    /// <summary>Plays requests of consecutive seeds.</summary>
    /// <param name="seed">The first seed.</param>
    /// <param name="requests">How many, unless too many differ before.</param>
    /// <param name="change">What is wrong with the answers, to prove the fuzzer.</param>
    /// <returns>What differs, and how often each answer was due.</returns>
    public static (IReadOnlyList<string> Differences, IReadOnlyDictionary<int, int> Answers) Run(
        long seed, int requests, Func<string, int, int>? change = null)
    {
        List<string> differences = [];
        var answers = new Dictionary<int, int>();
        for (int i = 0; i < requests && differences.Count < 5; i++)
        {
            var dice = new Dice(seed + i);
            byte[] request = RequestGenerator.Make(dice);
            IReadOnlySet<int> expected = SpecHandshake.Judge(request);
            foreach (int status in expected.DefaultIfEmpty())
                answers[status] = answers.GetValueOrDefault(status) + 1;
            int? whole = Answer(request, [request.Length]);
            if (change is not null && whole is { } answer)
                whole = change(Encoding.Latin1.GetString(request), answer);
            int[] cuts = [.. Enumerable.Range(0, dice.Below(8)).Select(_ => dice.Below(request.Length + 1)).Order(), request.Length];
            int? inPieces = Answer(request, cuts);
            int? byteByByte = request.Length < 1000 ? Answer(request, [.. Enumerable.Range(1, request.Length)]) : whole;
            bool isRight = whole is { } given ? expected.Contains(given) : expected.Count == 0;
            if (!isRight || inPieces != whole || byteByByte != whole)
            {
                differences.Add($"Seed {seed + i}: {whole} whole, {inPieces} in pieces, {byteByByte} byte by byte instead of "
                    + $"{string.Join(" or ", expected)} for {Convert.ToHexStringLower(request.AsSpan(0, Math.Min(600, request.Length)))} "
                    + $"({Encoding.Latin1.GetString(request.AsSpan(0, Math.Min(600, request.Length)))})");
            }
        }

        return (differences, answers);
    }

    /// <summary>Gives the status of the answer; null where there is none yet.</summary>
    private static int? Answer(byte[] request, int[] ends)
    {
        var scanner = new HeadScanner();
        foreach (int end in ends)
        {
            if (scanner.TryFindEnd(request.AsSpan(0, end), out int length, out HandshakeFault? fault))
            {
                return RequestHead.TryParse(request.AsSpan(0, length), out RequestHead? head, out fault)
                    && ServerHandshake.TryEvaluate(head, out _, out fault)
                        ? 101
                        : fault!.StatusCode;
            }

            if (fault is not null)
                return fault.StatusCode;
        }

        return null;
    }
}
