"""Writes the report of a run with --clients, and its charts: python3 bench/peers/clients_report.py bench/results/DATE-clients.json"""

import pathlib
import sys
from dataclasses import dataclass

import figures
import report
import scenarios

SCENARIOS = [one for one in scenarios.SCENARIOS if one.letter in "abcdeg"]


@dataclass(frozen=True)
class Pair:
    """A client, and the server that it is measured against."""

    name: str
    title: str
    client: str  # as `sockeye bench --client` knows it
    server: str
    environment: tuple = ()  # of names and values

    @property
    def is_ours(self):
        return self.client == "sockeye"


def pairs(server, title):
    return [
        Pair(f"sockeye-at-{server}", f"Sockeye's client, against {title}", "sockeye", server),
        Pair(f"sockeye-socket-at-{server}", f"Sockeye's client, Socket, against {title}", "sockeye", server, (("SOCKEYE_EVENT_LOOP", "0"),)),
        Pair(f"framework-at-{server}", f"ClientWebSocket, against {title}", "ClientWebSocket", server),
    ]


PAIRS = [*pairs("sockeye", "Sockeye"), *pairs("aspnet", "ASP.NET Core")]


def main(path):
    report.main(path, ClientReport)


class ClientReport(report.Report):
    all_kinds = PAIRS
    rows_of = staticmethod(figures.client_rows)
    compared = "client"
    beside = "server"
    targets_of = "clients"
    cost_notes = "In g per connection that is opened and closed."
    target_notes = "A row in parentheses does not count."

    def head(self):
        run = self.run
        return report.head(
            run, "Sockeye's client beside ClientWebSocket",
            f"Medians of {run['rounds']} × {run['seconds']:g} s for each scenario and client; commit {run['commit']}. "
            f"Server on core {run['serverCore']}, client on core {run['clientCore']} of: {run['machine']}.",
            "A client is judged by the **CPU time that it spends per message**, against the same server. Rates and latencies stand beside "
            "it; where the client was not the limit (†), they say nothing about it. ")

    @staticmethod
    def is_other_the_limit(row):
        return not row.is_client_the_limit

    @staticmethod
    def may_compare(mine, other):
        return mine is not other and mine.server == other.server

    @staticmethod
    def name_of(measurement):
        return measurement["pair"]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
