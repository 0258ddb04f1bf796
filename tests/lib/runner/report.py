# SPDX-License-Identifier: Apache-2.0
"""What the person at the terminal sees, and the JSON file."""
import json

from . import jobs, places

WHY_LINES = 60


class Report:
    def __init__(self, strict):
        self.strict = strict
        self.results = []
        self.group_seconds = {}

    def add(self, result):
        if self.strict and result.result == jobs.SKIP:
            result.result = jobs.FAIL
            result.why = f"skipped, which --strict counts as a failure: {result.why}"
        self.results.append(result)
        if result.result == jobs.FAIL:
            print(f"FAIL {result.name}", flush=True)
            for line in result.why.rstrip().splitlines()[-WHY_LINES:]:
                print(f"     {line}")
        elif result.result == jobs.SKIP:
            print(f"SKIP {result.name}: {result.why}", flush=True)

    def finished(self, job, outcome, done, total):
        """One line for each program or script, whatever its tests said."""
        results, seconds = outcome
        for result in results:
            self.add(result)
        passed = sum(1 for result in results if result.result == jobs.PASS)
        extra = results[0].why if len(results) == 1 and passed == 1 else ""
        print(f"[{done}/{total}] {job.full_name}: {passed} of {len(results)} passed, "
              f"{seconds:.1f} s {extra}".rstrip(), flush=True)

    def count(self, kind):
        return sum(1 for result in self.results if result.result == kind)

    def write_json(self, path):
        document = {
            "passed": self.count(jobs.PASS),
            "failed": self.count(jobs.FAIL),
            "skipped": self.count(jobs.SKIP),
            "groups": {name: round(value, 2) for name, value in self.group_seconds.items()},
            "tests": [
                {"name": result.name, "result": result.result,
                 "seconds": round(result.seconds, 3), "why": result.why.strip()}
                for result in self.results
            ],
        }
        with open(path, "w", encoding="utf-8") as out:
            json.dump(document, out, indent=1)
            out.write("\n")

    def close(self, json_path):
        print("\ngroup            seconds  budget")
        for name, seconds in self.group_seconds.items():
            budget = places.BUDGET_S.get(name)
            mark = "  over its budget" if budget and seconds > budget else ""
            print(f"{name:<16} {seconds:7.1f} {budget or '-':>7}{mark}")
        failed = [result.name for result in self.results if result.result == jobs.FAIL]
        if failed:
            print("\nfailed:")
            for name in failed:
                print(f"  {name}")
        if json_path:
            self.write_json(json_path)
        print(f"{self.count(jobs.PASS)} passed, {len(failed)} failed, "
              f"{self.count(jobs.SKIP)} skipped", flush=True)
        return 1 if failed or not self.results else 0
