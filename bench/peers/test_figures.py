"""Tests of the arithmetic; bench/peers/run.sh runs them before it measures."""

import unittest

import chart
import figures


def echo(cost, **more):
    return {"scenario": "echo", "server": {"cpuSecondsPerMillionMessages": cost, "residentKiB": 100}, **more}


def row(*results, failed=0):
    return figures.summarize([{"result": one} for one in results] + [{"error": "no answer"}] * failed)


class FiguresTests(unittest.TestCase):
    def test_Row_of_rounds_has_medians_and_the_range(self):
        summary = row(echo(5, messagesPerSecond=10), echo(1, messagesPerSecond=30), echo(3, messagesPerSecond=20))
        self.assertEqual((3, 1, 5, 20), (summary.cost, summary.cost_low, summary.cost_high, summary.rate))

    def test_Row_of_failed_rounds_counts_them_and_has_no_cost(self):
        summary = row(failed=2)
        self.assertEqual((0, 2, None), (summary.rounds, summary.failed, summary.cost))

    def test_Row_of_idle_connections_is_judged_by_memory(self):
        summary = row({"scenario": "idle", "server": {"residentKiBPerConnection": 0.5, "cpuSecondsPerMillionMessages": 9}})
        self.assertEqual(0.5, summary.cost)

    def test_Row_without_a_server_has_no_cost(self):
        self.assertIsNone(row({"scenario": "echo", "server": None, "latencyMicroseconds": None}).cost)

    def test_Client_is_the_limit_when_most_rounds_say_so(self):
        self.assertTrue(row(echo(1, isClientTheLimit=True), echo(1, isClientTheLimit=True), echo(1)).is_client_the_limit)
        self.assertFalse(row(echo(1, isClientTheLimit=True), echo(1)).is_client_the_limit)

    def test_Ratio_is_the_others_cost_by_mine(self):
        self.assertEqual(4.0, figures.ratio(row(echo(2)), row(echo(8))))
        self.assertEqual(0.25, figures.ratio(row(echo(8)), row(echo(2))))

    def test_Ratio_with_what_was_not_measured_is_unknown(self):
        self.assertIsNone(figures.ratio(row(echo(2)), None))
        self.assertIsNone(figures.ratio(row(echo(2)), row(failed=1)))

    def test_Target_is_met_from_its_figure_on(self):
        self.assertEqual((2.0, True), figures.judge(2, row(echo(1)), row(echo(2))))
        self.assertEqual((1.9, False), figures.judge(2, row(echo(10)), row(echo(19))))
        self.assertEqual((None, None), figures.judge(2, None, row(echo(19))))

    def test_Target_of_memory_is_met_up_to_its_figure(self):
        idle = row({"scenario": "idle", "server": {"residentKiBPerConnection": 3.0}})
        self.assertEqual((3.0, True), figures.judge({"atMostKiB": 3}, idle, None))
        self.assertEqual((3.0, False), figures.judge({"atMostKiB": 2.9}, idle, None))

    def test_Rows_are_kept_apart_by_scenario_and_server(self):
        costs = {("a", "x"): 1, ("a", "y"): 2, ("b", "x"): 3}
        measurements = [
            {"scenario": scenario, "server": server, "result": echo(cost)} for (scenario, server), cost in costs.items()]
        self.assertEqual(costs, {key: one.cost for key, one in figures.rows(measurements).items()})

    def test_Clients_are_judged_by_their_own_cost_beside_the_servers(self):
        measurement = {"scenario": "a", "pair": "x-at-y", "result": echo(5, clientCpuMicrosecondsPerMessage=2)}
        self.assertEqual({("a", "x-at-y"): (2, 5)}, {
            key: (one.cost, one.beside) for key, one in figures.client_rows([measurement]).items()})

    def test_Names_behind_lines_keep_apart_and_in_order(self):
        self.assertEqual([(10, "a"), (26, "b"), (42, "c"), (80, "d")], chart.apart([(80, "d"), (12, "b"), (10, "a"), (13, "c")], 16))

    def test_Steps_of_an_axis_are_pleasant(self):
        self.assertEqual([1, 2, 5, 10, 0.5], [chart.pleasant(least) for least in (1, 1.2, 4.9, 5.1, 0.3)])


if __name__ == "__main__":
    unittest.main()
