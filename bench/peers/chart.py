"""Draws one scenario as bars, or a cost as lines: an SVG that carries its own background, light or dark as its reader's is."""

import math
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
  path.line { fill: none; stroke-width: 2 } .line.ours { stroke: #0969da } .line.other { stroke: #afb8c1 }
  .grid { stroke: #59636e; stroke-opacity: .25 }
  .range { stroke: #1f2328; stroke-opacity: .55 }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif }
  @media (prefers-color-scheme: dark) {
    .surface { fill: #0d1117 } .title, .text { fill: #f0f6fc } .note { fill: #9198a1 }
    .ours { fill: #4493f8 } .other { fill: #59636e } .range { stroke: #f0f6fc }
    .line.ours { stroke: #4493f8 } .line.other { stroke: #59636e }
  }
"""


def draw(title, note, bars):
    """bars, from the top: (name, figure as text, length, shortest and longest of the rounds, whether it is ours)."""
    height = TOP + STEP * len(bars) + 12
    longest = max(high for _, _, _, _, high, _ in bars)
    scale = (WIDTH - NAMES - VALUES) / longest
    parts = frame(title, note, height)
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


LEFT = 60  # where the lines begin
RIGHT = 190  # what is left for the names behind them
LINES = 240  # how high they are
LABEL = 16  # what a name needs of it


def draw_lines(title, note, lines):
    """lines: (name, points as (x, y), whether it is ours). x is logarithmic, and named where there are points; y begins at 0."""
    height = TOP + LINES + 40
    xs = sorted({x for _, points, _ in lines for x, _ in points})
    step = pleasant(max(y for _, points, _ in lines for _, y in points) / 4)
    most = step * math.ceil(max(y for _, points, _ in lines for _, y in points) / step)
    span = math.log(xs[-1] / xs[0]) or 1

    def across(x):
        return LEFT + math.log(x / xs[0]) / span * (WIDTH - LEFT - RIGHT)

    def down(y):
        return TOP + LINES * (1 - y / most)

    parts = frame(title, note, height)
    for index in range(round(most / step) + 1):
        y = down(index * step)
        parts += [
            f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>',
            f'<text class="note" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{index * step:g}</text>']
    shown = [x for index, x in enumerate(xs) if index == len(xs) - 1 or across(xs[-1]) - across(x) > 50]
    parts += [f'<text class="note" x="{across(x):.1f}" y="{TOP + LINES + 20}" text-anchor="middle">{x:,}</text>' for x in shown]
    for name, points, is_ours in sorted(lines, key=lambda line: line[2]):  # ours on top
        path = "L".join(f"{across(x):.1f} {down(y):.1f}" for x, y in points)
        parts += [f'<path class="line {"ours" if is_ours else "other"}" d="M{path}"/>']
        parts += [f'<circle class="{"ours" if is_ours else "other"}" cx="{across(x):.1f}" cy="{down(y):.1f}" r="3"/>' for x, y in points]
    ends = apart([(down(points[-1][1]), name, across(points[-1][0])) for name, points, _ in lines], LABEL)
    parts += [f'<text class="text" x="{x + 10:.1f}" y="{y + 4.5:.1f}">{escape(name)}</text>' for y, name, x in ends]
    return "\n".join([*parts, "</svg>", ""])


def pleasant(least):
    """The next number from there on that is 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= least * 0.999)


def apart(ends, room):
    """The same from the top, each as far below the one before as it needs room."""
    placed = []
    for y, *rest in sorted(ends):
        placed.append((max(y, placed[-1][0] + room) if placed else y, *rest))
    return placed


def frame(title, note, height):
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>",
        f'<rect class="surface" width="{WIDTH}" height="{height}" rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>', f'<text class="note" x="16" y="46">{escape(note)}</text>']
