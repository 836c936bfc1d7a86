"""Who used the processor while something was measured: what else ran on the two cores makes figures worse than they are."""

import os
import pathlib
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Watch:
    """Counts from where it is made what neither the server nor children of this process used."""

    def __init__(self, cores, pid):
        self._cores = cores
        self._pid = pid
        self._from = self._now()

    def others(self):
        """The share of the cores that others had, 0 to 1."""
        wall, busy, server, client = (now - before for now, before in zip(self._now(), self._from))
        return min(1.0, max(0.0, (busy - server - client) / (wall * len(self._cores))))

    def _now(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.monotonic(), busy_seconds(self._cores), process_seconds(self._pid), children.ru_utime + children.ru_stime


def busy_seconds(cores):
    """All that was not idle, the time included that the host gave to others."""
    busy = 0
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.removeprefix("cpu").isdigit() and int(name.removeprefix("cpu")) in cores:
            user, nice, system, _idle, _iowait, interrupts, soft_interrupts, steal, *_ = map(int, fields)
            busy += user + nice + system + interrupts + soft_interrupts + steal
    return busy / TICKS


def process_seconds(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
