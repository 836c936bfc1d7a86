"""Writes the report of a run with --scale, and its charts: python3 bench/peers/scale_report.py bench/results/DATE-scale.json"""

import json
import pathlib
import sys

import chart
import figures
from report import ABSENT, count, head, mebibytes, number, spread, table
from scenarios import SCENARIOS
from servers import KINDS

CURVES = {
    "connections": ("Cost of a message by the number of connections", "echo of 64 B of text, 1 in flight on each connection",
                    "connections", "message"),
    "fanout": ("Cost of a delivery by the number of subscribers", "64 B from one publisher, 16 publications in flight",
               "subscribers", "delivery"),
}


def main(path):
    run = json.loads(path.read_text())
    path.with_suffix(".md").write_text(ScaleReport(run, path).text())


class ScaleReport:
    def __init__(self, run, path):
        self.run = run
        self.path = path
        groups = {}
        for one in run["measurements"]:
            groups.setdefault((one["scenario"], one["at"], one["server"]), []).append(one)
        self.groups = groups
        self.rows = {key: figures.summarize(group) for key, group in groups.items()}
        self.kinds = [kind for kind in KINDS if any(name == kind.name for _, _, name in self.rows)]

    def text(self):
        parts = [self.head(), *(self.curve(name) for name in CURVES if self.sizes(name)), self.idle(), self.loops(), self.errors()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def head(self):
        run = self.run
        return head(
            run, "How Sockeye scales",
            f"Medians of {run['rounds']} × {run['seconds']:g} s; commit {run['commit']}. Server on core {run['serverCore']}, load from core "
            f"{run['clientCore']}, where not said otherwise, of: {run['machine']}.")

    def sizes(self, scenario):
        return sorted({at for name, at, _ in self.rows if name == scenario})

    def curve(self, scenario):
        title, what, axis, unit = CURVES[scenario]
        sizes = self.sizes(scenario)
        lines = [(kind.title, [(size, row.cost) for size in sizes if (row := self.rows.get((scenario, size, kind.name))) and row.cost],
                  kind.is_ours) for kind in self.kinds]
        lines = [line for line in lines if line[1]]
        parts = [f"## {title}", f"{what[0].upper()}{what[1:]}. µs of server CPU per {unit}; in parentheses the range of the rounds."]
        if lines:
            folder = self.path.with_suffix("")
            folder.mkdir(exist_ok=True)
            note = f"{what[0].upper()}{what[1:]}; µs of server CPU per {unit}, lower is better"
            (folder / f"{scenario}.svg").write_text(chart.draw_lines(title, note, lines))
            parts.append(f"![{title}]({folder.name}/{scenario}.svg)")
        parts.append(table([axis, *(kind.title for kind in self.kinds)], [
            [count(size), *(self.cost(scenario, size, kind) for kind in self.kinds)] for size in sizes]))
        parts.append(f"The most expensive size ÷ the cheapest: {self.spreads(lines)}.")
        return "\n\n".join(parts)

    def cost(self, scenario, size, kind):
        row = self.rows.get((scenario, size, kind.name))
        return f"{number(row.cost)} ({spread(row)})" if row and row.cost else ABSENT

    @staticmethod
    def spreads(lines):
        return ", ".join(f"{name} {max(cost for _, cost in line) / min(cost for _, cost in line):.2f}" for name, line, _ in lines)

    def idle(self):
        sizes = self.sizes("idle")
        if not sizes:
            return ""
        lines = []
        for size in sizes:
            for kind in self.kinds:
                if row := self.rows.get(("idle", size, kind.name)):
                    lines.append([kind.title, count(size), number(row.cost), spread(row), mebibytes(row.resident)])
        return "\n\n".join([
            "## Idle connections", "After one echo each; memory above what the process held before.",
            table(["server", "connections", "KiB per connection", "range", "resident, MiB"], lines)])

    def loops(self):
        lines = []
        for scenario, title in ((one.letter, one.title) for one in SCENARIOS):
            counts = self.sizes(scenario)
            rates = {loops: self.rows[scenario, loops, "sockeye"].rate for loops in counts}
            for loops in counts:
                server, client = (self.cores(scenario, loops, *path) for path in [("server", "cpuSeconds"), ("clientCpuSeconds",)])
                gain = rates[loops] / rates[counts[0]] if rates[loops] and rates[counts[0]] else None
                row = self.rows[scenario, loops, "sockeye"]
                lines.append([f"{scenario}: {title}", str(loops), count(row.rate), number(gain), number(row.cost), number(server), number(client)])
        if not lines:
            return ""
        return "\n\n".join([
            "## All cores",
            "Server and load generator share all cores of the machine, and nothing is pinned. The load generator has one thread, which is as much "
            "in the way of the second loop as it is of use: on a machine of two cores the rate cannot double. What the two took of the "
            "cores says who had them.",
            table(["scenario", "loops", "messages/s", "÷ one loop", "server CPU µs", "cores of the server", "of the load"], lines)])

    def cores(self, scenario, loops, *path):
        return figures.median([
            spent / one["result"]["seconds"] for one in self.groups[scenario, loops, "sockeye"]
            if "result" in one and (spent := figures.lookup(one["result"], *path)) is not None])

    def errors(self):
        return "\n".join(
            f"- {one['scenario']} {one['at']}, {one['server']}, round {one['round']}: {one['error']}"
            for one in self.run["measurements"] if "error" in one)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
