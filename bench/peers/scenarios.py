"""What is measured: the scenarios of the performance page, an echo with compression, and some of them over TLS.

For each: its letter, what the report says of it, and the arguments of `sockeye bench`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    letter: str
    title: str
    arguments: tuple
    deflate: bool = False  # servers that compress
    tls: bool = False  # servers that speak TLS
    fresh: bool = False  # servers that have served nothing else
    idle: bool = False  # memory is measured, not messages
    unit: str = "message"

    @property
    def file(self):
        """The name of its chart; some file systems do not tell A from a."""
        return f"{self.letter.lower()}-tls" if self.tls else self.letter


def scenario(letter, title, arguments, **kind):
    return Scenario(letter, title, tuple(arguments.split()), **kind)


SCENARIOS = [
    scenario("a", "64 B text, 1 in flight, 100 connections", "--size 64 --depth 1 --connections 100"),
    scenario("b", "64 B text, 32 in flight, 100 connections", "--size 64 --depth 32 --connections 100"),
    scenario("c", "1 KiB binary, 8 in flight, 100 connections", "--binary --size 1024 --depth 8 --connections 100"),
    scenario("d", "64 KiB binary, 4 in flight, 20 connections", "--binary --size 65536 --depth 4 --connections 20"),
    scenario("e", "1 MiB binary, 1 in flight, 10 connections", "--binary --size 1048576 --depth 1 --connections 10"),
    scenario("f", "10,000 idle connections after one echo each", "--idle 10000", fresh=True, idle=True),
    scenario("g", "handshake and close, 100 at a time", "--handshakes --connections 100", fresh=True, unit="handshake"),
    scenario("h", "fan-out of 64 B to 1,000 subscribers, 16 publications in flight",
             "--fanout --connections 1000 --size 64 --depth 16", unit="delivery"),
    scenario("i", "compressed echo of 4 KiB of JSON, 4 in flight, 20 connections",
             "--compress --size 4096 --depth 4 --connections 20", deflate=True),
    scenario("A", "a over TLS: 64 B text, 1 in flight, 100 connections", "--size 64 --depth 1 --connections 100", tls=True),
    scenario("C", "c over TLS: 1 KiB binary, 8 in flight, 100 connections",
             "--binary --size 1024 --depth 8 --connections 100", tls=True),
    scenario("F", "f over TLS: 2,000 idle connections after one echo each", "--idle 2000", fresh=True, idle=True, tls=True),
]
