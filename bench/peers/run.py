"""Measures the servers side by side: see bench/README.md, and run.sh, which calls this."""

import argparse
import os
import pathlib
import resource
import shlex
import subprocess
import sys
import unittest

import figures
import outcome
import probe
import report
from driving import drive
from outcome import say
from scenarios import SCENARIOS
from servers import CERTIFICATES, CLI, HERE, KINDS, REPOSITORY, Server

NEW = 4  # times as long a new process warms up
FILES = 10_500  # what a server and its client each need open for 10,000 connections


def main():
    options = parse()
    check_machine(options)
    check_arithmetic()
    provide(options.kinds, any(one.tls for one in options.scenarios))

    path = outcome.path(options.results)
    run = {
        **outcome.head(options.kinds),
        "rounds": options.rounds, "seconds": options.seconds,
        "serverCore": options.server_core, "clientCore": options.client_core,
        "compression": {}, "measurements": [],
    }
    bench = Bench(options, run, path)
    try:
        for group in grouped(options.scenarios):
            bench.measure(group)
    except (KeyboardInterrupt, RuntimeError) as end:
        say(f"{end or 'interrupted'}: the report has what was measured until now")
    if not run["measurements"]:
        sys.exit("run: nothing was measured")
    report.main(path)
    say(f"{path.with_suffix('.md')}")


class Bench:
    """The measurements of a run, written down after each, so that none is lost."""

    def __init__(self, options, run, path):
        self._options = options
        self._run = run
        self._path = path

    def measure(self, scenarios):
        """Measures scenarios that share their servers."""
        first = scenarios[0]
        if first.idle:
            self._measure_idle(first)
            return

        servers = {}
        try:
            for kind in speaking(self._options.kinds, first):
                servers[kind] = Server(kind, self._options.server_core, first.deflate, first.tls)
            if first.deflate:
                self._agree(servers)
            for scenario in scenarios:
                for kind in servers:
                    self._warm_up(scenario, servers[kind], is_new=scenario is first)
                for round_number in range(1, self._options.rounds + 1):
                    for kind in servers:
                        self._round(scenario, kind, servers, round_number)
        finally:
            for server in servers.values():
                server.stop()

    def _measure_idle(self, scenario):
        """Each round has a server of its own, which has served nothing else: what a process once took it seldom gives back."""
        for round_number in range(1, self._options.rounds + 1):
            for kind in speaking(self._options.kinds, scenario):
                server = Server(kind, self._options.server_core, tls=scenario.tls)
                try:
                    self._record(scenario, kind, round_number, self._drive(scenario, server, self._options.seconds))
                finally:
                    server.stop()

    def _agree(self, servers):
        """Leaves out the servers that do not compress."""
        for kind, server in list(servers.items()):
            self._run["compression"][kind.name] = agreed = probe.agreed_extension(server.port)
            if not agreed:
                server.stop()
                del servers[kind]

    def _warm_up(self, scenario, server, is_new):
        """Runtimes that compile while they run have one core for that as well, and take long for all of their code."""
        self._drive(scenario, server, self._options.warm_up * (NEW if is_new else 1))

    def _round(self, scenario, kind, servers, round_number):
        if not servers[kind].is_running:
            servers[kind] = Server(kind, self._options.server_core, scenario.deflate, scenario.tls)
            self._warm_up(scenario, servers[kind], is_new=True)
        self._record(scenario, kind, round_number, self._drive(scenario, servers[kind], self._options.seconds))

    def _drive(self, scenario, server, seconds):
        return drive(self._options.client, str(self._options.client_core), server, scenario.arguments, seconds)

    def _record(self, scenario, kind, round_number, measured):
        self._run["measurements"].append({"scenario": scenario.letter, "server": kind.name, "round": round_number, **measured})
        self._path.write_text(outcome.as_json(self._run))
        said = measured.get("error") or report.number(figures.cost_of(measured["result"]))
        say(f"{scenario.letter} {round_number} {kind.name}: {said}")


def parse():
    names = [kind.name for kind in KINDS]
    letters = "".join(one.letter for one in SCENARIOS)
    parser = argparse.ArgumentParser(prog="bench/peers/run.sh", description="Measures Sockeye beside other WebSocket servers.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for each scenario and server (5)")
    parser.add_argument("--seconds", type=float, default=3, help="seconds of each round (3)")
    parser.add_argument("--warm-up", type=float, default=4, help=f"seconds of load before each scenario that do not count, {NEW} times as many for a new process (4)")
    parser.add_argument("--only", default=",".join(names), metavar="SERVERS", help=f"of {', '.join(names)}; all of them")
    parser.add_argument("--scenarios", default=letters, metavar="LETTERS", help=f"some of {letters}; all of them")
    parser.add_argument("--results", type=pathlib.Path, default=REPOSITORY / "bench/results", help="the folder of the reports")
    parser.add_argument("--server-core", type=int, default=0, help="the core of the servers (0)")
    parser.add_argument("--client-core", type=int, default=1, help="the core of the load generator (1)")
    parser.add_argument("--client", type=shlex.split, default=[*CLI, "bench"], help="the load generator (sockeye bench)")
    options = parser.parse_args()

    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"there is no server {unknown[0]}: choose of {', '.join(names)}")
    if unknown := [letter for letter in options.scenarios if letter not in letters]:
        parser.error(f"there is no scenario {unknown[0]}: choose of {letters}")
    if options.rounds < 1 or options.seconds <= 0 or options.warm_up <= 0:
        parser.error("rounds and seconds are positive")
    options.kinds = [kind for kind in KINDS if kind.name in chosen]
    options.scenarios = [one for one in SCENARIOS if one.letter in options.scenarios]
    return options


def check_cores(options):
    cores = os.sched_getaffinity(0)
    if options.server_core == options.client_core or not {options.server_core, options.client_core} <= cores:
        sys.exit(f"run: servers and load need a core each, of {sorted(cores)}: choose by --server-core and --client-core")


def check_machine(options):
    check_cores(options)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if any(one.idle for one in options.scenarios) and most != resource.RLIM_INFINITY and most < FILES:
        sys.exit(f"run: scenario f needs {FILES} open files, and the limit is {most}: raise it (ulimit -Hn), or leave f out")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def check_arithmetic():
    if not unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.discover(str(HERE), "test_*.py")).wasSuccessful():
        sys.exit("run: the arithmetic of the report is wrong")


def provide(kinds, tls=False):
    needs = sorted({"dotnet", *(kind.needs for kind in kinds)})
    if subprocess.run([HERE / "install.sh", *needs]).returncode != 0:
        sys.exit("run: something is missing; install it, or leave out by --only the servers that need it")
    if tls and subprocess.run([REPOSITORY / "eng/certificates.sh", CERTIFICATES]).returncode != 0:
        sys.exit("run: there are no certificates; leave out the scenarios over TLS")


def speaking(kinds, scenario):
    return [kind for kind in kinds if kind.has_tls or not scenario.tls]


def grouped(scenarios):
    """Scenarios that may share running servers, in the order of the page, those with fresh servers each for itself."""
    shared = [[one for one in scenarios if not one.fresh and not one.deflate and one.tls == tls] for tls in (False, True)]
    alone = [[one] for one in scenarios if one.fresh or one.deflate]
    return [group for group in [*shared, *alone] if group]


if __name__ == "__main__":
    main()
