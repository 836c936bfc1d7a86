"""Merges coverage reports (coverlet's JSON) and prints what no test reached: python3 coverage.py FILE...

A branch counts as reached when one of the runs took it: each run has other vector instructions. Exit code 1 when a line or branch is
left, with the place of each.
"""

import json
import pathlib
import sys


def merge(files):
    lines, branches = {}, {}
    for file in files:
        for module in json.loads(pathlib.Path(file).read_text()).values():
            for path, classes in module.items():
                for methods in classes.values():
                    for method, reached in methods.items():
                        for line, hits in reached["Lines"].items():
                            add(lines, (path, int(line), method), hits)
                        for branch in reached["Branches"]:
                            add(branches, (path, branch["Line"], method, branch["Offset"], branch["EndOffset"], branch["Path"]), branch["Hits"])
    return lines, branches


def add(counts, key, hits):
    counts[key] = counts.get(key, 0) + hits


def unreachable_widths():
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    return [width for width, flag in [("Vector512", "avx512f"), ("Vector256", "avx2"), ("Vector128", "sse4_1")] if flag not in flags]


def main(files):
    lines, branches = merge(files)
    for kind, counts in (("line", lines), ("branch", branches)):
        missed = sorted(key for key, hits in counts.items() if hits == 0)
        for path, line, method, *rest in missed:
            print(f"{path}:{line}: {kind} not reached{f' (path {rest[2]})' if rest else ''} in {method.split('::')[-1]}")
        print(f"{kind} coverage: {100 * (len(counts) - len(missed)) / len(counts):.2f}% ({len(counts) - len(missed)} of {len(counts)}), "
              f"{len(files)} runs")
    print(f"vector widths that this machine cannot reach: {', '.join(unreachable_widths()) or 'none'}")
    return any(hits == 0 for counts in (lines, branches) for hits in counts.values())


sys.exit(main(sys.argv[1:]))
