"""Measures Sockeye's client beside the framework's, against the same servers: see bench/README.md, and `run.sh --clients`, which
calls this."""

import argparse
import os
import pathlib
import shlex
import sys

import clients_report
import figures
import outcome
import report
from clients_report import PAIRS, SCENARIOS
from driving import drive
from outcome import say
from run import check_arithmetic, check_cores, provide
from servers import CLI, KINDS, REPOSITORY, Server


def main():
    options = parse()
    check_cores(options)
    check_arithmetic()
    servers = [kind for kind in KINDS if any(pair.server == kind.name for pair in options.pairs)]
    provide(servers)

    path = outcome.path(options.results, "-clients")
    run = {
        **outcome.head(servers),
        "rounds": options.rounds, "seconds": options.seconds,
        "serverCore": options.server_core, "clientCore": options.client_core, "measurements": [],
    }
    bench = Bench(options, run, path)
    try:
        bench.measure(servers)
    except (KeyboardInterrupt, RuntimeError) as end:
        say(f"{end or 'interrupted'}: the report has what was measured until now")
    if not run["measurements"]:
        sys.exit("run: nothing was measured")
    clients_report.main(path)
    say(f"{path.with_suffix('.md')}")


class Bench:
    """The measurements of a run, written down after each, so that none is lost."""

    def __init__(self, options, run, path):
        self._options = options
        self._run = run
        self._path = path

    def measure(self, kinds):
        """All servers are up at once, and the clients take turns, each in a process of its own."""
        servers = {}
        try:
            for kind in kinds:
                servers[kind.name] = Server(kind, str(self._options.server_core))
            for scenario in self._options.scenarios:
                for round_number in range(self._options.rounds + 1):
                    for pair in self._options.pairs:
                        self._round(scenario, pair, servers[pair.server], round_number)
        finally:
            for server in servers.values():
                server.stop()

    def _round(self, scenario, pair, server, round_number):
        """The first one does not count: the server warms up in it, as the client does at the beginning of each."""
        seconds = self._options.seconds if round_number > 0 else self._options.warm_up
        arguments = [*scenario.arguments, "--client", pair.client, "--warmup", f"{self._options.warm_up:g}"]
        measured = drive(
            self._options.client, str(self._options.client_core), server, arguments, seconds, {**os.environ, **dict(pair.environment)})
        if round_number == 0:
            return
        self._run["measurements"].append({"scenario": scenario.letter, "pair": pair.name, "round": round_number, **measured})
        self._path.write_text(outcome.as_json(self._run))
        said = measured.get("error") or report.number(figures.client_cost_of(measured["result"]))
        say(f"{scenario.letter} {round_number} {pair.name}: {said}")


def parse():
    names = [pair.name for pair in PAIRS]
    letters = "".join(one.letter for one in SCENARIOS)
    parser = argparse.ArgumentParser(prog="bench/peers/run.sh --clients", description="Measures Sockeye's client beside ClientWebSocket.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each scenario and client (5)")
    parser.add_argument("--seconds", type=float, default=3, help="seconds of each round (3)")
    parser.add_argument("--warm-up", type=float, default=3, help="seconds before each round, in which the client's code is compiled (3)")
    parser.add_argument("--only", default=",".join(names), metavar="PAIRS", help=f"of {', '.join(names)}; all of them")
    parser.add_argument("--scenarios", default=letters, metavar="LETTERS", help=f"some of {letters}; all of them")
    parser.add_argument("--results", type=pathlib.Path, default=REPOSITORY / "bench/results", help="the folder of the reports")
    parser.add_argument("--server-core", type=int, default=0, help="the core of the servers (0)")
    parser.add_argument("--client-core", type=int, default=1, help="the core of the clients (1)")
    parser.add_argument("--client", type=shlex.split, default=[*CLI, "bench"], help="what drives them (sockeye bench)")
    options = parser.parse_args()

    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"there is no pair {unknown[0]}: choose of {', '.join(names)}")
    if unknown := [letter for letter in options.scenarios if letter not in letters]:
        parser.error(f"there is no scenario {unknown[0]}: choose of {letters}")
    if options.rounds < 1 or options.seconds <= 0 or options.warm_up <= 0:
        parser.error("rounds and seconds are positive")
    options.pairs = [pair for pair in PAIRS if pair.name in chosen]
    options.scenarios = [one for one in SCENARIOS if one.letter in options.scenarios]
    return options


if __name__ == "__main__":
    main()
