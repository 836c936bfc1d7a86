"""Writes the report of a run, and its charts, from what it measured: python3 bench/peers/report.py bench/results/DATE.json"""

import json
import pathlib
import sys

import chart
import figures
from scenarios import SCENARIOS
from servers import KINDS

TARGETS = pathlib.Path(__file__).resolve().parent / "targets.json"
ABSENT = "–"
QUIET = 0.05  # the share of the cores that others may have


def main(path, report=None):
    run = json.loads(path.read_text())
    path.with_suffix(".md").write_text((report or Report)(run, path).text())


class Report:
    """Of servers. That of clients differs in what it names."""

    all_kinds = KINDS
    rows_of = staticmethod(figures.rows)
    compared = "server"
    beside = "client"
    targets_of = "rows"
    cost_notes = "In f and F KiB per idle connection; in g per handshake, in h per delivery."
    target_notes = ("A row in parentheses does not count; the targets against uWebSockets are checked apart.")

    def __init__(self, run, path):
        self.run = run
        self.path = path
        self.rows = self.rows_of(run["measurements"])
        self.scenarios = [one for one in SCENARIOS if any(letter == one.letter for letter, _ in self.rows)]
        measured = {name for _, name in self.rows}
        self.kinds = [kind for kind in self.all_kinds if kind.name in measured]

    def text(self):
        parts = [self.head(), self.targets(), self.costs(), *(self.section(one) for one in self.scenarios)]
        return "\n\n".join(parts) + "\n"

    def head(self):
        run = self.run
        return head(
            run, "Sockeye beside other servers",
            f"Medians of {run['rounds']} × {run['seconds']:g} s for each scenario and server; commit {run['commit']}. "
            f"Server on core {run['serverCore']}, load from core {run['clientCore']} of: {run['machine']}.",
            "A server is judged by the **CPU time that it spends per message** (in f and F: memory per idle connection), which hardly "
            "depends on the client. Rates and latencies stand beside it; where the client was the limit (†), they say nothing about "
            "the server. ")

    def targets(self):
        lines = []
        for row in json.loads(TARGETS.read_text())[self.targets_of]:
            mine, other = self.kind(row["mine"]), row["other"] and self.kind(row["other"])
            aimed = [one for one in self.scenarios if one.letter in row["targets"]]
            if not any((one.letter, mine.name) in self.rows for one in aimed):
                continue
            cells = [self.target(row["targets"].get(one.letter), one, mine, other) for one in self.scenarios]
            title = f"{mine.title} ÷ {other.title}" if other else mine.title
            lines.append([title if row.get("counts", True) else f"({title})", *cells])
        return "\n".join([
            "## Targets",
            "",
            f"What was reached, and what is aimed at: the other's cost by ours. {self.target_notes}",
            "",
            table(["", *(one.letter for one in self.scenarios)], lines),
        ])

    def target(self, target, scenario, mine, other):
        if target is None:
            return ABSENT
        ours = self.rows.get((scenario.letter, mine.name))
        theirs = other and self.rows.get((scenario.letter, other.name))
        reached, is_met = figures.judge(target, ours, theirs)
        aim = f"≤ {target['atMostKiB']:g} KiB" if isinstance(target, dict) else f"≥ {target:g}"
        if is_met is None:
            return f"? {aim}"
        if scenario.deflate and round(ours.compression, 2) < round(theirs.compression, 2):  # as printed
            is_met = False
            aim += f", but {ours.compression:.2f} times smaller where theirs is {theirs.compression:.2f}:"
        return f"{reached:.2f} {aim} met" if is_met else f"**{reached:.2f} {aim} missed**"

    def costs(self):
        return "\n".join([
            f"## {self.compared.capitalize()} CPU per message, in µs",
            "",
            self.cost_notes,
            "",
            table([self.compared, *(one.letter for one in self.scenarios)], [
                [kind.title, *(self.cost(one, kind) for one in self.scenarios)] for kind in self.kinds]),
        ])

    def cost(self, scenario, kind):
        row = self.rows.get((scenario.letter, kind.name))
        return number(row and row.cost)

    def section(self, scenario):
        parts = [f"## {scenario.letter}: {scenario.title}"]
        measured = [kind for kind in self.kinds if self.has_cost(scenario, kind)]
        if measured:
            parts.append(self.chart(scenario, measured))
        parts.append(self.figures(scenario))
        if len(measured) > 1:
            parts.append(self.matrix(scenario, measured))
        if notes := self.notes(scenario):
            parts.append(notes)
        return "\n\n".join(parts)

    def has_cost(self, scenario, kind):
        row = self.rows.get((scenario.letter, kind.name))
        return row is not None and bool(row.cost)

    def chart(self, scenario, measured):
        def bar(kind):
            row = self.rows[scenario.letter, kind.name]
            if scenario.idle:
                return kind.title, f"{number(row.cost)} KiB", row.cost, row.cost_low, row.cost_high, kind.is_ours
            return kind.title, f"{number(row.cost)} µs", 1 / row.cost, 1 / row.cost_high, 1 / row.cost_low, kind.is_ours

        note = ("KiB of memory per connection; shorter is better" if scenario.idle
                else f"{plural(scenario.unit)} per second of {self.compared} CPU, longer is better; the figure is µs per {scenario.unit}")
        bars = sorted(map(bar, measured), key=lambda one: one[2], reverse=not scenario.idle)
        folder = self.path.with_suffix("")
        folder.mkdir(exist_ok=True)
        (folder / f"{scenario.file}.svg").write_text(chart.draw(f"{scenario.letter}: {scenario.title}", note, bars))
        return f"![{scenario.letter}: {scenario.title}]({folder.name}/{scenario.file}.svg)"

    def figures(self, scenario):
        if scenario.idle:
            header = [self.compared, "KiB per connection", "range", "resident, MiB"]
        else:
            header = [self.compared, f"{plural(scenario.unit)}/s", "MB/s", "p50, µs", "p99", "p99.9",
                      f"{self.compared} CPU s per million", "range", "server's memory, MiB", f"{self.beside} CPU µs",
                      *(["times smaller"] if scenario.deflate else [])]
        lines = []
        for kind in self.kinds:
            row = self.rows.get((scenario.letter, kind.name))
            if row is None:
                lines.append([kind.title, ABSENT])
            elif scenario.idle:
                lines.append([kind.title + marks(row), number(row.cost), spread(row), mebibytes(row.resident)])
            else:
                limit = " †" if self.is_other_the_limit(row) else ""
                lines.append([
                    kind.title + marks(row), count(row.rate) + limit, number(row.megabytes) + limit,
                    number(row.p50), number(row.p99), number(row.p999),
                    number(row.cost), spread(row), mebibytes(row.resident), number(row.beside),
                    *([number(row.compression)] if scenario.deflate else [])])
        return table(header, lines)

    @staticmethod
    def is_other_the_limit(row):
        return row.is_client_the_limit

    @staticmethod
    def may_compare(mine, other):
        return mine is not other

    def matrix(self, scenario, measured):
        def cell(mine, other):
            if not self.may_compare(mine, other):
                return ABSENT
            ratio = figures.ratio(self.rows[scenario.letter, mine.name], self.rows[scenario.letter, other.name])
            return f"{ratio:.2f} (lost)" if ratio < 1 and mine.is_ours and not other.is_ours else f"{ratio:.2f}"

        what = "memory per connection" if scenario.idle else f"{self.compared} CPU"
        return "\n".join([
            f"The {what} of the column ÷ that of the row: above 1, the row's is the cheaper.",
            "",
            table(["÷", *(kind.name for kind in measured)], [
                [mine.name, *(cell(mine, other) for other in measured)] for mine in measured]),
        ])

    def notes(self, scenario):
        notes = []
        if scenario.deflate:
            agreed = self.run["compression"]
            notes += [f"- {kind.title}: agreed to `{agreed[kind.name] or 'nothing'}`." for kind in self.kinds if kind.name in agreed]
        for one in self.run["measurements"]:
            if one["scenario"] == scenario.letter and "error" in one:
                notes.append(f"- {self.kind(self.name_of(one)).title}, round {one['round']}: {one['error']}")
        return "\n".join(notes)

    @staticmethod
    def name_of(measurement):
        return measurement["server"]

    def kind(self, name):
        return next(kind for kind in self.all_kinds if kind.name == name)


def quiet(measurements):
    """How much of the cores others had."""
    shares = [one["others"] for one in measurements if "others" in one]
    if not shares:
        return ""
    share = figures.median(shares)
    said = f"While it was measured, other programs had {share:.0%} of the cores (median; {max(shares):.0%} at most)."
    return said if share <= QUIET else f"{said} **That is too much: take these figures for orientation, not for comparison.**"


def table(header, lines):
    width = len(header)
    rule = ["---", *["---:"] * (width - 1)]
    return "\n".join(f"| {' | '.join([*cells, *[''] * (width - len(cells))])} |" for cells in [header, rule, *lines])


def head(run, title, terms, reading=""):
    """What every report begins with: its terms are those of its measurements, and reading tells what to make of them."""
    return "\n\n".join(part for part in [
        f"# {title}, {run['started'][:10]}",
        terms,
        f"Versions: {'; '.join(run['versions'].values())}." if run["versions"] else "",
        quiet(run["measurements"]),
        f"{reading}[What is measured, and how to read it](../README.md).",
    ] if part)


def number(value):
    """Three digits, and all those before the point."""
    if value is None:
        return ABSENT
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 1 else f"{value:.3g}"


def count(value):
    return ABSENT if value is None else f"{value:,.0f}"


def mebibytes(kibibytes):
    return ABSENT if kibibytes is None else number(kibibytes / 1024)


def spread(row):
    return ABSENT if row.cost is None else f"{number(row.cost_low)}–{number(row.cost_high)}"


def marks(row):
    """What a reader must know before the figures."""
    return f" ({row.failed} of {row.rounds + row.failed} rounds failed)" if row.failed else ""


def plural(unit):
    return "deliveries" if unit == "delivery" else unit + "s"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
