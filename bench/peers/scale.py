"""Measures how servers scale, from a hundred connections to many thousand, and to more than one core: see bench/README.md, and
`run.sh --scale`, which calls this."""

import os
import pathlib
import resource
import sys

import choices
import figures
import outcome
import scale_report
from driving import drive
from run import NEW, check_arithmetic, provide
from scenarios import SCENARIOS
from servers import KINDS, Server

SIZES = (100, 300, 1_000, 3_000, 10_000, 15_000)
SUBSCRIBERS = (100, 1_000, 15_000)
BESIDES = 500  # files that a server or its client has open besides its connections
LOOPS = (1, 2)

# What is measured with all cores: small messages, where the load generator needs as much of them as the server, and compressed
# ones, where the server has most of the work.
SHARED = [one for one in SCENARIOS if one.letter in "bi"]


def main():
    options = parse()
    check_machine(options)
    check_arithmetic()
    provide(options.only)

    run = outcome.Run(options, options.only, "-scale")
    run.complete(Scale(options, run).measure, scale_report.main)


class Scale:
    """Each part of a run of this kind."""

    def __init__(self, options, run):
        self._options = options
        self._run = run
        self._server_core = str(options.server_core)
        self._client_core = str(options.client_core)

    def measure(self):
        parts = self._options.parts
        if "c" in parts:
            self.connections("connections", up_to(SIZES, self._options.most), "--size 64 --depth 1")
        if "f" in parts:
            self.connections("fanout", up_to(SUBSCRIBERS, self._options.most), "--fanout --size 64 --depth 16")
        if "i" in parts:
            self.idle(self._options.most)
        if "l" in parts:
            self.loops()

    def connections(self, scenario, sizes, arguments):
        """The same on ever more connections. All servers are up at once, and take turns."""
        def at(size):
            return [*arguments.split(), "--connections", str(size)]

        servers = [Server(kind, self._server_core) for kind in self._options.only]
        try:
            for server in servers * NEW:
                self._drive(server, at(sizes[0]), self._options.warm_up)
            for size in sizes:
                for round_number in range(1, self._options.rounds + 1):
                    for server in servers:
                        self._record(scenario, size, server, round_number, self._drive(server, at(size)))
        finally:
            for server in servers:
                server.stop()

    def idle(self, size):
        """Memory: each round has a server of its own, which has served nothing else."""
        for round_number in range(1, self._options.rounds + 1):
            for kind in self._options.only:
                server = Server(kind, self._server_core)
                try:
                    self._record("idle", size, server, round_number, self._drive(server, ["--idle", str(size)]))
                finally:
                    server.stop()

    def loops(self):
        """One event loop and two, with all cores for server and load generator together."""
        kind = next(kind for kind in KINDS if kind.name == "sockeye")
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        for scenario in SHARED:
            servers = {count: Server(kind, cores, scenario.deflate, more=("--loops", str(count))) for count in LOOPS}
            try:
                for server in [*servers.values()] * NEW:
                    self._drive(server, scenario.arguments, self._options.warm_up, cores)
                for round_number in range(1, self._options.rounds + 1):
                    for count, server in servers.items():
                        measured = self._drive(server, scenario.arguments, client_cores=cores)
                        self._record(scenario.letter, count, server, round_number, measured)
            finally:
                for server in servers.values():
                    server.stop()

    def _drive(self, server, arguments, seconds=None, client_cores=None):
        return drive(
            self._options.client, client_cores or self._client_core, server, arguments, seconds or self._options.seconds)

    def _record(self, scenario, at, server, round_number, measured):
        self._run.record(measured, figures.cost_of, scenario=scenario, at=at, server=server.kind.name, round=round_number)


def parse():
    parser = choices.parser(
        "--scale", "Measures how servers scale.", things=[kind.name for kind in KINDS], rounds=3, warm_up=4,
        warm_up_help=f"seconds of the first {NEW} rounds, which do not count", of="size and server",
        only="sockeye,bun,aspnet")
    parser.add_argument("--parts", default="cfil", help="some of c: connections, f: fan-out, i: idle, l: event loops; all of them")
    parser.add_argument("--most", type=int, default=SIZES[-1], help=f"the most connections at a time ({SIZES[-1]})")
    options = choices.parse(parser, KINDS)
    if options.most < SIZES[0]:
        parser.error(f"there are {SIZES[0]} connections at least")
    return options


def up_to(sizes, most):
    return [*(size for size in sizes if size < most), most]


def check_machine(options):
    choices.check_cores(options)
    files = options.most + BESIDES
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < files:
        sys.exit(f"run: {options.most} connections need {files} open files, and the limit is {most}: raise it (ulimit -Hn), or choose --most")
    first, last = map(int, pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if last - first < files:
        sys.exit(f"run: {options.most} connections need as many ports, and there are {last - first}: widen net.ipv4.ip_local_port_range, "
                 "or choose --most")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
