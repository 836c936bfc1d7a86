"""Draws one scenario as bars: an SVG that carries its own background, light or dark as its reader's is."""

from xml.sax.saxutils import escape

WIDTH = 760
NAMES = 290  # where the bars begin
VALUES = 110  # what is left for the figure behind the longest bar
TOP = 62
STEP = 28
BAR = 16

STYLE = """
  .surface { fill: #ffffff } .title { fill: #1f2328; font-weight: 600; font-size: 15px } .text { fill: #1f2328 }
  .note { fill: #59636e; font-size: 12px } .ours { fill: #0969da } .other { fill: #afb8c1 }
  .range { stroke: #1f2328; stroke-opacity: .55 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif }
  @media (prefers-color-scheme: dark) {
    .surface { fill: #0d1117 } .title, .text { fill: #f0f6fc } .note { fill: #9198a1 }
    .ours { fill: #4493f8 } .other { fill: #59636e } .range { stroke: #f0f6fc }
  }
"""


def draw(title, note, bars):
    """bars, from the top: (name, figure as text, length, shortest and longest of the rounds, whether it is ours)."""
    height = TOP + STEP * len(bars) + 12
    longest = max(high for _, _, _, _, high, _ in bars)
    scale = (WIDTH - NAMES - VALUES) / longest
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="surface" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>', f'<text class="note" x="16" y="46">{escape(note)}</text>']
    for index, (name, figure, length, low, high, is_ours) in enumerate(bars):
        top = TOP + STEP * index
        middle = top + BAR / 2
        base = top + BAR - 3.5
        parts += [
            f'<text class="text" x="{NAMES - 10}" y="{base}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{"ours" if is_ours else "other"}" x="{NAMES}" y="{top}" '
            f'width="{max(length * scale, 1):.1f}" height="{BAR}" rx="2"/>',
            f'<path class="range" d="M{NAMES + low * scale:.1f} {middle}H{NAMES + high * scale:.1f}"/>',
            f'<text class="text" x="{NAMES + high * scale + 8:.1f}" y="{base}">{escape(figure)}</text>']
    return "\n".join([*parts, "</svg>", ""])
