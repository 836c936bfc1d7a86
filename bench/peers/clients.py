"""Measures Sockeye's client beside the framework's, against the same servers: see bench/README.md, and `run.sh --clients`, which
calls this."""

import os

import choices
import clients_report
import figures
import outcome
from clients_report import PAIRS, SCENARIOS
from driving import drive
from run import check_arithmetic, provide
from servers import KINDS, Server


def main():
    options = parse()
    choices.check_cores(options)
    check_arithmetic()
    servers = [kind for kind in KINDS if any(pair.server == kind.name for pair in options.only)]
    provide(servers)

    run = outcome.Run(options, servers, "-clients")
    bench = Bench(options, run)
    run.complete(lambda: bench.measure(servers), clients_report.main)


class Bench:
    """All servers are up at once, and the clients take turns, each in a process of its own."""

    def __init__(self, options, run):
        self._options = options
        self._run = run

    def measure(self, kinds):
        servers = {}
        try:
            for kind in kinds:
                servers[kind.name] = Server(kind, str(self._options.server_core))
            for scenario in self._options.scenarios:
                for round_number in range(self._options.rounds + 1):
                    for pair in self._options.only:
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
        if round_number > 0:
            self._run.record(measured, figures.client_cost_of, scenario=scenario.letter, pair=pair.name, round=round_number)


def parse():
    parser = choices.parser(
        "--clients", "Measures Sockeye's client beside ClientWebSocket.", things=[pair.name for pair in PAIRS], rounds=5, warm_up=3,
        warm_up_help="seconds before each round, in which the client's code is compiled", of="scenario and client")
    choices.letters(parser, SCENARIOS)
    return choices.parse(parser, PAIRS, SCENARIOS)


if __name__ == "__main__":
    main()
