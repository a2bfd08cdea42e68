# SPDX-License-Identifier: LGPL-2.1-or-later
"""Answers to what users ask about cases: which there are, and what one shows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from portzero import judge, matrix, results
from portzero.cases import matching


def show_list(pattern: str, as_json: bool) -> int:
    """Print the cases with what they ask.  Returns the exit status."""
    found = matching(pattern)
    if as_json:
        print(json.dumps(found))
        return 0
    width = max(len(case["case"]) for case in found)
    for case in found:
        print(f"{case['case']:<{width}}  {case['question']}")
    return 0


def _answer(verdict: judge.Verdict) -> str:
    return judge.short(verdict.observed) if verdict.observed else verdict.why


def _told(verdicts: list[judge.Verdict]) -> list[dict[str, Any]]:
    """What a column answers: the same answer once, with how often it gives it
    through which entries, and on what."""
    groups: dict[tuple[str, ...], list[judge.Verdict]] = defaultdict(list)
    for verdict in verdicts:
        answer = _answer(verdict)
        if verdict.verdict == "conforms" and verdict.observed.get("address"):
            answer = "the address" if verdict.standard else "an address"
        groups[(verdict.step, verdict.verdict, answer, verdict.deviation)].append(verdict)
    return [{"step": step, "verdict": kind, "answer": answer, "deviation": key,
             "count": dict(Counter(one.entry for one in found)),
             "on": sorted({f"{one.family} {one.protocol}" for one in found})}
            for (step, kind, answer, key), found in groups.items()]


def _print_answers(answers: list[dict[str, Any]]) -> None:
    for told in answers:
        if told["verdict"] == "skipped":
            continue
        counts = told["count"]
        if len(counts) > 1 and len(set(counts.values())) == 1:
            how = f"each way {next(iter(counts.values()))} times"
        else:
            how = ", ".join(f"{entry} {count} times" for entry, count in counts.items())
        step = f"{told['step']}: " if told["step"] else ""
        key = f" ({told['deviation']})" if told["deviation"] else ""
        where = f" on {', '.join(told['on'])}" if told["verdict"] in ("broken", "unexpected") else ""
        print(f"    {step}{told['answer']}: {told['verdict']}{key}, {how}{where}")
    skipped = [told for told in answers if told["verdict"] == "skipped"]
    if skipped:
        where = dict.fromkeys(on for told in skipped for on in told["on"])
        print(f"    skipped on {', '.join(where)}: {skipped[0]['answer']}"
              + (f" (and {len(skipped) - 1} more reasons)" if len(skipped) > 1 else ""))
    if not answers:
        print("    was not asked")


def _explained(case: dict[str, Any]) -> dict[str, Any]:
    ledger = matrix.deviations()
    columns = {}
    seen: dict[str, None] = {}
    every: list[judge.Verdict] = []
    for name in matrix.ordered(results.names()):
        verdicts = [verdict for verdict in matrix.judged(results.read(name), ledger)
                    if verdict.case in (case["case"], judge.WHOLE)]
        every += verdicts
        seen.update(dict.fromkeys(verdict.deviation for verdict in verdicts if verdict.deviation))
        columns[str(name)] = {"answers": _told(verdicts), "responsible": judge.responsible(verdicts)}
    return {**case, "columns": columns, "repairs": judge.repairs(every),
            "deviations": [{"key": entry.key, "responsible": entry.responsible,
                            "reason": entry.reason, "source": entry.source}
                           for entry in ledger if entry.key in seen]}


REPAIRS = {"kernel": "Only a mended kernel repairs it; no libc can.",
           "opt-in": "Of the libcs, only patched-accept (the tunable at 2) repairs it."}


def explain(pattern: str, as_json: bool) -> int:
    """Print what a case asks, what the standard says, what each column
    answers and who is responsible.  Returns the exit status."""
    explained = [_explained(case) for case in matching(pattern)]
    if as_json:
        print(json.dumps(explained))
        return 0
    for number, about in enumerate(explained):
        print("\n" * bool(number) + about["case"])
        print(f"  asks      {about['question']}")
        print(f"  standard  {about['basis']}")
        print(f"  on        {', '.join(about['families'])}; "
              + ", ".join(dict.fromkeys(about["protocols"]))
              + (f"; needs {', '.join(about['needs'])}" if about["needs"] else ""))
        if not about["columns"]:
            print("  observed  nothing yet; run ./portzero matrix")
        blamed: Counter[str] = Counter()
        # Columns that answer alike, together.
        alike: dict[str, list[str]] = defaultdict(list)
        for column, found in about["columns"].items():
            blamed[found["responsible"]] += 1
            alike[json.dumps(found["answers"])].append(column)
        for answers, names in alike.items():
            print(f"\n  {', '.join(names)}")
            _print_answers(json.loads(answers))
        who = [name for name in blamed if name]
        if who:
            print(f"\n  responsible: {', '.join(who)}. {REPAIRS.get(about['repairs'], '')}".rstrip())
        for entry in about["deviations"]:
            print(f"  {entry['key']} ({entry['responsible']}): {entry['reason']}\n"
                  f"    {entry['source']}")
    return 0
