"""The command lines of the runs: what all of them may be told."""

import argparse
import os
import pathlib
import shlex
import sys

from servers import CLI, REPOSITORY


def parser(option, description, *, things, rounds, warm_up, warm_up_help, of, only=None):
    """Of run.sh, or of run.sh with an option; things are what is measured with each other."""
    one = argparse.ArgumentParser(prog=f"bench/peers/run.sh {option}".strip(), description=description)
    one.add_argument("--rounds", type=int, default=rounds, help=f"rounds for each {of} ({rounds})")
    one.add_argument("--seconds", type=float, default=3, help="seconds of each round (3)")
    one.add_argument("--warm-up", type=float, default=warm_up, help=f"{warm_up_help} ({warm_up})")
    one.add_argument("--only", default=only or ",".join(things), metavar="NAMES", help=f"of {', '.join(things)} ({only or 'all of them'})")
    one.add_argument("--results", type=pathlib.Path, default=REPOSITORY / "bench/results", help="the folder of the reports")
    one.add_argument("--server-core", type=int, default=0, help="the core of the servers (0)")
    one.add_argument("--client-core", type=int, default=1, help="the core of the load generator (1)")
    one.add_argument("--client", type=shlex.split, default=[*CLI, "bench"], help="the load generator (sockeye bench)")
    return one


def letters(one, all_scenarios):
    names = "".join(scenario.letter for scenario in all_scenarios)
    one.add_argument("--scenarios", default=names, metavar="LETTERS", help=f"some of {names}; all of them")


def parse(one, things, all_scenarios=None):
    """The options; only becomes the chosen ones of things, and scenarios those of all_scenarios."""
    options = one.parse_args()
    names = [thing.name for thing in things]
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in names]:
        one.error(f"there is no {unknown[0]}: choose of {', '.join(names)}")
    if options.rounds < 1 or options.seconds <= 0 or options.warm_up <= 0:
        one.error("rounds and seconds are positive")
    options.only = [thing for thing in things if thing.name in chosen]
    if all_scenarios:
        known = "".join(scenario.letter for scenario in all_scenarios)
        if unknown := [letter for letter in options.scenarios if letter not in known]:
            one.error(f"there is no scenario {unknown[0]}: choose of {known}")
        options.scenarios = [scenario for scenario in all_scenarios if scenario.letter in options.scenarios]
    return options


def check_cores(options):
    cores = os.sched_getaffinity(0)
    if options.server_core == options.client_core or not {options.server_core, options.client_core} <= cores:
        sys.exit(f"run: servers and load need a core each, of {sorted(cores)}: choose by --server-core and --client-core")
