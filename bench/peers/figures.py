"""The arithmetic of the reports, and nothing else: medians, ratios, and whether a target is met."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One server in one scenario, or one client: medians over its rounds. None is what was not measured."""

    rounds: int
    failed: int  # rounds in which something went wrong: they give no figures
    cost: float | None  # microseconds of its CPU per message; of memory, KiB per connection
    cost_low: float | None
    cost_high: float | None
    rate: float | None
    megabytes: float | None
    p50: float | None
    p99: float | None
    p999: float | None
    resident: float | None  # KiB
    beside: float | None  # what the other side of the connections spent per message
    compression: float | None  # payload over what came for it
    is_client_the_limit: bool


def cost_of(result):
    """What a server is judged by. CPU seconds per million messages are microseconds per message."""
    is_idle = result["scenario"] == "idle"
    return lookup(result, "server", "residentKiBPerConnection" if is_idle else "cpuSecondsPerMillionMessages")


def client_cost_of(result):
    return lookup(result, "clientCpuMicrosecondsPerMessage")


def rows(measurements):
    """The row of each (scenario, server) that measurements speak of."""
    return {key: summarize(group) for key, group in grouped(measurements, "server").items()}


def client_rows(measurements):
    """The row of each (scenario, client and server)."""
    groups = grouped(measurements, "pair")
    return {key: summarize(group, cost=client_cost_of, beside=cost_of) for key, group in groups.items()}


def grouped(measurements, name):
    groups = {}
    for one in measurements:
        groups.setdefault((one["scenario"], one[name]), []).append(one)
    return groups


def summarize(group, cost=cost_of, beside=client_cost_of):
    good = [one["result"] for one in group if "result" in one]
    costs = values_of(good, cost)
    limits = sum(bool(one.get("isClientTheLimit")) for one in good)
    return Row(
        rounds=len(good),
        failed=len(group) - len(good),
        cost=median(costs),
        cost_low=min(costs, default=None),
        cost_high=max(costs, default=None),
        rate=median_of(good, "messagesPerSecond"),
        megabytes=median_of(good, "megabytesPerSecond"),
        p50=median_of(good, "latencyMicroseconds", "p50"),
        p99=median_of(good, "latencyMicroseconds", "p99"),
        p999=median_of(good, "latencyMicroseconds", "p999"),
        resident=median_of(good, "server", "residentKiB"),
        beside=median(values_of(good, beside)),
        compression=median_of(good, "compressionRatio"),
        is_client_the_limit=2 * limits > len(good),
    )


def lookup(result, *path):
    for name in path:
        if result is None:
            return None
        result = result.get(name)
    return result


def median(values):
    return statistics.median(values) if values else None


def median_of(results, *path):
    return median(values_of(results, lambda one: lookup(one, *path)))


def values_of(results, figure):
    return [value for one in results if (value := figure(one)) is not None]


def ratio(mine, other):
    """How many times the other's cost is mine, as it is printed: above 1, mine is the cheaper. None where either is unknown."""
    if mine is None or other is None or not mine.cost or not other.cost:
        return None
    return round(other.cost / mine.cost, 2)


def judge(target, mine, other):
    """What was reached of a target, and whether it is met: None where it was not measured. A target is the least ratio, or
    {"atMostKiB": what a connection may cost}."""
    if isinstance(target, dict):
        reached = None if mine is None or mine.cost is None else round(mine.cost, 2)
        return reached, None if reached is None else reached <= target["atMostKiB"]
    reached = ratio(mine, other)
    return reached, None if reached is None else reached >= target
