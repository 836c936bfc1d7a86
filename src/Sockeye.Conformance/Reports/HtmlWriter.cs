using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;

namespace Sockeye.Conformance;

/// <summary>Writes HTML from interpolated strings: what stands in them is markup, and what is filled in is text, which is escaped. There is
/// no way around it.</summary>
internal sealed class HtmlWriter(TextWriter output)
{
    private readonly TextWriter _output = output;

    public void Write([InterpolatedStringHandlerArgument("")] Markup markup)
    {
        _ = markup;
        _output.WriteLine();
    }

    [InterpolatedStringHandler]
    public readonly struct Markup
    {
        private readonly HtmlWriter _writer;

        public Markup(int literalLength, int formattedCount, HtmlWriter writer)
        {
            _ = literalLength + formattedCount;
            _writer = writer;
        }

        public void AppendLiteral(string markup) => _writer._output.Write(markup);

        public void AppendFormatted(string? text) => _writer._output.Write(WebUtility.HtmlEncode(VisibleText.Escape(text ?? "")));

        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));
    }
}
