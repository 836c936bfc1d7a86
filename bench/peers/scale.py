"""Measures how servers scale, from a hundred connections to many thousand, and to more than one core: see bench/README.md, and
`run.sh --scale`, which calls this."""

import argparse
import os
import pathlib
import resource
import shlex
import sys

import figures
import outcome
import report
import scale_report
from driving import drive
from outcome import say
from run import check_arithmetic, check_cores, provide
from scenarios import SCENARIOS
from servers import CLI, KINDS, REPOSITORY, Server

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
    provide(options.kinds)

    path = outcome.path(options.results, "-scale")
    run = {
        **outcome.head(options.kinds),
        "rounds": options.rounds, "seconds": options.seconds,
        "serverCore": options.server_core, "clientCore": options.client_core, "measurements": [],
    }
    scale = Scale(options, run, path)
    try:
        if "c" in options.parts:
            scale.connections("connections", options.sizes, "--size 64 --depth 1")
        if "f" in options.parts:
            scale.connections("fanout", options.subscribers, "--fanout --size 64 --depth 16")
        if "i" in options.parts:
            scale.idle(options.most)
        if "l" in options.parts:
            scale.loops()
    except (KeyboardInterrupt, RuntimeError) as end:
        say(f"{end or 'interrupted'}: the report has what was measured until now")
    if not run["measurements"]:
        sys.exit("run: nothing was measured")
    scale_report.main(path)
    say(f"{path.with_suffix('.md')}")


class Scale:
    """The measurements of a run, written down after each, so that none is lost."""

    def __init__(self, options, run, path):
        self._options = options
        self._run = run
        self._path = path
        self._server_core = str(options.server_core)
        self._client_core = str(options.client_core)

    def connections(self, scenario, sizes, arguments):
        """The same on ever more connections. All servers are up at once, and take turns."""
        def at(size):
            return [*arguments.split(), "--connections", str(size)]

        servers = [Server(kind, self._server_core) for kind in self._options.kinds]
        try:
            for server in servers:
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
            for kind in self._options.kinds:
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
                for server in servers.values():
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
        self._run["measurements"].append(
            {"scenario": scenario, "at": at, "server": server.kind.name, "round": round_number, **measured})
        self._path.write_text(outcome.as_json(self._run))
        said = measured.get("error") or report.number(figures.cost_of(measured["result"]))
        say(f"{scenario} {at} {round_number} {server.kind.name}: {said}")


def parse():
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(prog="bench/peers/run.sh --scale", description="Measures how servers scale.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds for each size and server (3)")
    parser.add_argument("--seconds", type=float, default=3, help="seconds of each round (3)")
    parser.add_argument("--warm-up", type=float, default=2, help="seconds of a first round that does not count (2)")
    parser.add_argument("--only", default="sockeye,bun,aspnet", metavar="SERVERS", help=f"of {', '.join(names)} (sockeye,bun,aspnet)")
    parser.add_argument("--parts", default="cfil", help="some of c: connections, f: fan-out, i: idle, l: event loops; all of them")
    parser.add_argument("--most", type=int, default=SIZES[-1], help=f"the most connections at a time ({SIZES[-1]})")
    parser.add_argument("--results", type=pathlib.Path, default=REPOSITORY / "bench/results", help="the folder of the reports")
    parser.add_argument("--server-core", type=int, default=0, help="the core of the servers (0)")
    parser.add_argument("--client-core", type=int, default=1, help="the core of the load generator (1)")
    parser.add_argument("--client", type=shlex.split, default=[*CLI, "bench"], help="the load generator (sockeye bench)")
    options = parser.parse_args()

    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"there is no server {unknown[0]}: choose of {', '.join(names)}")
    if options.rounds < 1 or options.seconds <= 0 or options.warm_up <= 0 or options.most < SIZES[0]:
        parser.error(f"rounds and seconds are positive, and there are {SIZES[0]} connections at least")
    options.kinds = [kind for kind in KINDS if kind.name in chosen]
    options.sizes = up_to(SIZES, options.most)
    options.subscribers = up_to(SUBSCRIBERS, options.most)
    return options


def up_to(sizes, most):
    return [*(size for size in sizes if size < most), most]


def check_machine(options):
    check_cores(options)
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
