"""What a run measures, where it is written, and what it says of the machine."""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

from report import number
from servers import HERE


class Run:
    """The measurements of a run, written down after each, so that none is lost."""

    def __init__(self, options, kinds, kind="", **more):
        self.path = path(options.results, kind)
        self.content = {
            **head(kinds),
            "rounds": options.rounds, "seconds": options.seconds,
            "serverCore": options.server_core, "clientCore": options.client_core,
            **more, "measurements": [],
        }

    def record(self, measured, cost_of, **named):
        self.content["measurements"].append({**named, **measured})
        self.path.write_text(as_json(self.content))
        result = measured.get("error") or number(cost_of(measured["result"]))
        say(f"{' '.join(map(str, named.values()))}: {result}")

    def complete(self, measure, write_report):
        """Measures, as far as it goes, and writes the report of it."""
        try:
            measure()
        except (KeyboardInterrupt, RuntimeError) as end:
            say(f"{end or 'interrupted'}: the report has what was measured until now")
        if not self.content["measurements"]:
            sys.exit("run: nothing was measured")
        write_report(self.path)
        say(f"{self.path.with_suffix('.md')}")


def path(folder, kind=""):
    """DATE.json, or DATE-2.json: no run overwrites another."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}{kind}"
    number = 1
    while (one := folder / f"{name}{'' if number == 1 else f'-{number}'}.json").exists():
        number += 1
    return one


def head(kinds):
    """What is known before anything is measured."""
    return {"started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": commit(), "machine": machine(), "versions": versions(kinds)}


def as_json(run):
    """One measurement a line."""
    start = json.dumps({**run, "measurements": []}, indent=2, ensure_ascii=False)
    lines = ",\n    ".join(json.dumps(one, ensure_ascii=False) for one in run["measurements"])
    return f'{start.removesuffix("[]" + chr(10) + "}")}[\n    {lines}\n  ]\n}}\n'


def commit():
    return output("sh", "-c", "git describe --always --dirty --exclude '*'") or "unknown"


def machine():
    model = next((line.partition(":")[2].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{model}, {os.cpu_count()} cores, {platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}"


def versions(kinds):
    return {kind.name: ", ".join(output("sh", "-c", kind.version).split("\n")) for kind in kinds if kind.version}


def output(*command):
    return subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()


def say(text):
    print(f"run: {text}", file=sys.stderr, flush=True)
