"""Says where the time of Sockeye's server goes, scenario by scenario: python3 bench/peers/profile_server.py [LETTERS]

Needs perf, with the right to trace (as root, or kernel.perf_event_paranoid at most -1), and two cores. Prints tables for
docs/performance.md.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace

from report import number, table
from scenarios import SCENARIOS
from servers import CLI, KINDS, Server

SERVER_CORE, CLIENT_CORE = "0", "1"
SECONDS = 4
WARM_UP = 4  # seconds of processor time, in which the methods that matter are compiled for good
CALLS = ("recvfrom", "recvmsg", "sendto", "sendmsg", "epoll_wait", "epoll_ctl", "futex")
ALL = "raw_syscalls:sys_enter"
READABLE = {"DOTNET_PerfMapEnabled": "1", "DOTNET_EnableWriteXorExecute": "0"}  # the names of compiled methods


def main(letters):
    kind = next(kind for kind in KINDS if kind.name == "sockeye")
    kind = replace(kind, environment=(*kind.environment, *READABLE.items()))
    shares, calls = [], []
    for scenario in SCENARIOS:
        if scenario.letter not in letters:
            continue
        server = Server(kind, SERVER_CORE, scenario.deflate, scenario.tls)
        try:
            warm_up(server, scenario)
            counts, result = count_calls(server, scenario)
            samples = sample(server, scenario)
        finally:
            server.stop()
        messages = result["messages"]
        calls.append([scenario.letter, *(per_message(counts[name], messages) for name in (ALL, *map(event, CALLS)))])
        shares.append([scenario.letter, number(result["server"]["cpuSecondsPerMillionMessages"]), *split(samples)])
        print(f"\n{scenario.letter}: {scenario.title}\n")
        for share, place, symbol in samples[:40]:
            if share >= 0.8:
                print(f"    {share:5.1f} %  {place:20} {symbol}")
    print("\n" + table(["", "µs of server CPU", "kernel", "Sockeye and the handler", "runtime and libraries"], shares))
    print("\n" + table(["", "system calls a message", *CALLS], calls))


def warm_up(server, scenario):
    spent = 0.0
    while spent < WARM_UP:
        spent += load(server, scenario, 2)["server"]["cpuSeconds"]


def load(server, scenario, seconds, *before):
    done = subprocess.run(
        [*before, "taskset", "--cpu-list", CLIENT_CORE, *CLI, "bench", server.url, *(["--insecure"] if scenario.tls else []),
         *scenario.arguments, "--warmup", "0", "--seconds", str(seconds), "--pid", str(server.pid), "--json"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def count_calls(server, scenario):
    """How many system calls of each kind the server made for so many messages."""
    with tempfile.NamedTemporaryFile("r") as report:
        events = ",".join([ALL, *map(event, CALLS)])
        result = load(server, scenario, SECONDS,
                      "perf", "stat", "-x", ";", "-o", report.name, "-e", events, "-p", str(server.pid), "--")
        fields = [line.split(";") for line in report.read().splitlines() if ";" in line]
    return {line[2]: int(line[0]) for line in fields}, result


def event(call):
    return f"syscalls:sys_enter_{call}"


def sample(server, scenario):
    """Where the server was found, as (percent, place, symbol), most of it first."""
    with tempfile.TemporaryDirectory() as folder:
        data = os.path.join(folder, "perf.data")
        load(server, scenario, SECONDS,
             "perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", data, "-p", str(server.pid), "--")
        said = subprocess.run(
            ["perf", "report", "-i", data, "--stdio", "-t", ";", "--sort", "dso,symbol"], capture_output=True, text=True, check=True).stdout
    samples = {}
    for line in said.splitlines():
        if line.startswith("#") or line.count(";") < 2:
            continue
        share, place, symbol = line.split(";")[:3]
        key = readable(place.strip(), symbol.strip())
        samples[key] = samples.get(key, 0) + float(share.strip().rstrip("%"))
    return sorted(((share, *key) for key, share in samples.items()), reverse=True)


def readable(place, symbol):
    """The place, and a method by its type and name: tiers and signatures are left out."""
    symbol = re.sub(r"^\[.\] ", "", symbol)
    if place.startswith("[kernel"):
        return "kernel", symbol
    if method := re.search(r"\[([\w.]+)\] ([\w.`+<>\[\],!|$]+)::([\w.<>|$]+)", symbol):
        assembly = method[1]
        type_name = re.sub(r"`\d.*", "", method[2]).rpartition(".")[2]
        return ("Sockeye" if assembly.startswith("Sockeye") else "runtime"), f"{type_name}.{method[3]}"
    return place, "" if symbol.startswith("0x") else symbol


def split(samples):
    kernel = sum(share for share, place, _ in samples if place == "kernel")
    ours = sum(share for share, place, _ in samples if place == "Sockeye")
    return [f"{part:.0f} %" for part in (kernel, ours, 100 - kernel - ours)]


def per_message(calls, messages):
    return number(calls / messages)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "abcdeghi")
