"""Measures the servers side by side: see bench/README.md, and run.sh, which calls this."""

import resource
import subprocess
import sys
import unittest

import choices
import figures
import outcome
import probe
import report
from driving import drive
from scenarios import SCENARIOS
from servers import CERTIFICATES, HERE, KINDS, REPOSITORY, Server

NEW = 4  # times as often a new process warms up
FILES = 10_500  # what a server and its client each need open for 10,000 connections


def main():
    options = parse()
    check_machine(options)
    check_arithmetic()
    provide(options.only, any(one.tls for one in options.scenarios))

    run = outcome.Run(options, options.only, compression={})
    bench = Bench(options, run)
    run.complete(lambda: [bench.measure(group) for group in grouped(options.scenarios)], report.main)


class Bench:
    """All servers of a scenario take turns, round after round."""

    def __init__(self, options, run):
        self._options = options
        self._run = run

    def measure(self, scenarios):
        """Measures scenarios that share their servers."""
        first = scenarios[0]
        if first.idle:
            self._measure_idle(first)
            return

        servers = {}
        try:
            for kind in speaking(self._options.only, first):
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
            for kind in speaking(self._options.only, scenario):
                server = Server(kind, self._options.server_core, tls=scenario.tls)
                try:
                    self._record(scenario, kind, round_number, self._drive(scenario, server, self._options.seconds))
                finally:
                    server.stop()

    def _agree(self, servers):
        """Leaves out the servers that do not compress."""
        for kind, server in list(servers.items()):
            self._run.content["compression"][kind.name] = agreed = probe.agreed_extension(server.port)
            if not agreed:
                server.stop()
                del servers[kind]

    def _warm_up(self, scenario, server, is_new):
        """Runtimes that compile while they run have one core for that as well, and take long for all of their code: that of opening and
        closing connections too, which each drive does once."""
        for _ in range(NEW if is_new else 1):
            self._drive(scenario, server, self._options.warm_up)

    def _round(self, scenario, kind, servers, round_number):
        if not servers[kind].is_running:
            servers[kind] = Server(kind, self._options.server_core, scenario.deflate, scenario.tls)
            self._warm_up(scenario, servers[kind], is_new=True)
        self._record(scenario, kind, round_number, self._drive(scenario, servers[kind], self._options.seconds))

    def _drive(self, scenario, server, seconds):
        return drive(self._options.client, str(self._options.client_core), server, scenario.arguments, seconds)

    def _record(self, scenario, kind, round_number, measured):
        self._run.record(measured, figures.cost_of, scenario=scenario.letter, server=kind.name, round=round_number)


def parse():
    parser = choices.parser(
        "", "Measures Sockeye beside other WebSocket servers.", things=[kind.name for kind in KINDS], rounds=5, warm_up=4,
        warm_up_help=f"seconds of load before each scenario that do not count, {NEW} times for a new process",
        of="scenario and server")
    choices.letters(parser, SCENARIOS)
    return choices.parse(parser, KINDS, SCENARIOS)


def check_machine(options):
    choices.check_cores(options)
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
