# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the page: one file that fetches nothing, with style, scripts and data
inside.  Its policy (Content-Security-Policy) allows just these."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from portzero.judge import VERDICTS
from portzero.report.model import Model, Ran, worst_of
from portzero.report.summary import Summary

SOURCES = Path(__file__).parent / "page"
# In this order: each uses those before it.
SCRIPTS = ("data.js", "state.js", "grid.js", "detail.js", "compare.js", "programs.js",
           "main.js")
SIGNS = {"conforms": "✓", "deviates": "✗", "differs": "~", "unexpected": "!!", "fixed": "fixed",
         "skipped": "–", "broken": "broken"}
MEANINGS = {
    "conforms": "what the standard answers; where it leaves it open, what the control shows",
    "deviates": "not so, but known: the deviation says where, how and why",
    "differs": "the standard leaves it open, and it is not what the control shows",
    "skipped": "could not be tried here; the cell says what is missing",
    "unexpected": "not what the standard answers, and nothing says why",
    "fixed": "conforms, though a known deviation denies it: the ledger must follow",
    "broken": "says nothing about port 0: the control failed, too, it crashed or hung, "
              "or another libc or kernel ran than should have",
}


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _tile(summary: Summary, column: Ran) -> dict[str, Any]:
    """A column in the picture: a bar of its cases by verdict, in words below."""
    counts = summary.tally(column.name)
    total = counts.total()
    bar, at = [], 0.0
    order = {kind: place for place, kind in enumerate(reversed(VERDICTS))}
    for kind, count in sorted(counts.items(), key=lambda item: order[item[0].split(" ")[0]]):
        width = 100 * count / total
        bar.append({"kind": kind.split(" ")[0], "x": f"{at:.2f}", "width": f"{width:.2f}"})
        at += width
    worst = worst_of(counts) if counts else "broken"
    return {"name": column.name, "parts": bar, "good": counts["conforms"], "total": total,
            "worst": worst, "sign": SIGNS[worst],
            "others": [f"{count} {kind.replace('deviates (', 'deviate (')}"
                       for kind, count in counts.most_common() if kind != "conforms"]}


def _picture(summary: Summary, model: Model) -> list[tuple[str, Any, list[str]]]:
    """A table for each release: kernels down, libcs across."""
    tables = []
    for release in dict.fromkeys(column.parts.release for column in model.last):
        here = {(column.parts.libc, column.parts.kernel): column for column in model.last
                if column.parts.release == release}
        libcs = list(dict.fromkeys(libc for libc, _ in here))
        kernels = dict.fromkeys(kernel for _, kernel in here)
        tables.append((release, [
            (kernel, [_tile(summary, here[(libc, kernel)]) if (libc, kernel) in here else None
                      for libc in libcs]) for kernel in kernels], libcs))
    return tables


def _sentences(summary: Summary, model: Model) -> list[str]:
    """The answer in words, each read off the results."""
    kinds = Counter(summary.kind(case) for case in summary.cases)
    others = [f"{count} {words}" for kind, words in (
        ("deviates", "deviate on some"), ("differs", "are left open and not as at another port"),
        ("skipped", "could not be tried"), ("unexpected", "are not as expected"),
        ("fixed", "conform though the ledger denies it"), ("broken", "could not be found out"))
        if (count := kinds[kind])]
    sentences = [f"{len(summary.cases)} questions about port 0 were asked; {kinds['conforms']} get "
                 f"a conforming answer on every column" + "".join(f", {text}" for text in others)
                 + "."]
    blamed = Counter(filter(None, map(summary.responsible, summary.cases)))
    if blamed:
        sentences.append("Responsible: " + ", ".join(
            f"{ {'both': 'the kernel and a libc, each in its own way'}.get(who, f'the {who}')} for "
            f"{count}" for who, count in blamed.most_common()) + ".")
    for repair in model.repairs():
        before, mended = repair.before.total(), repair.mended.total()
        sentences.append(
            f"The {repair.axis} “{repair.name}” alone ({repair.where()}) makes {mended} of "
            f"{before} deviating answers conform" + (f", and harms {repair.harmed}." if repair.harmed else ", and harms none."))
    return sentences


def render(model: Model, made: str | None = None, summary: Summary | None = None) -> str:
    """Return the page as text.  `made` says when; by default, now.  `summary` is that
    of the last run, if it is known already."""
    summary = summary or Summary(
        [column.name for column in model.last],
        [verdict for column in model.last for verdict in column.verdicts], [])
    style = (SOURCES / "style.css").read_text()
    script = "\n".join((SOURCES / name).read_text() for name in SCRIPTS)
    # The one character with which data could end its element.
    data = json.dumps(model.data(), separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c")
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(SOURCES), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True,
                                     lstrip_blocks=True)
    safe = environment.filters["safe"]
    seen = summary.deviations()
    return environment.get_template("index.html.j2").render(
        style=safe(style), script=safe(script), data=safe(data),
        style_hash=_hash(style), script_hash=_hash(script),
        complaints=model.complaints, sentences=_sentences(summary, model),
        picture=_picture(summary, model), repairs=model.repairs(),
        deviations=[one for one in model.deviations if one.key in seen],
        columns=model.columns, programs=model.programs,
        legend=[{"kind": kind, "sign": SIGNS[kind], "meaning": MEANINGS[kind]}
                for kind in MEANINGS],
        made=made if made is not None else datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))


def write(model: Model, path: Path, summary: Summary | None = None) -> None:
    """Write the page to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(render(model, summary=summary), encoding="utf-8")
    partial.rename(path)
