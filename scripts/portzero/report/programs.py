# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows what real programs did: progress, and the table on the terminal."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from portzero.programs.judge import AS_EXPECTED
from portzero.progress import Step

SIGNS = {
    "conforms": ("✓", "green"), "deviates": ("✗", "yellow"), "refuses": ("no", "cyan"),
    "skipped": ("-", "dim"), "harmed": ("harmed", "red"), "unexpected": ("!!", "bold red"), "fixed": ("fixed", "bold red"),
    "broken": ("broken", "bold red"),
}
Record = dict[str, object]
WIDTH = 120  # Where nobody says how wide it is.


@contextlib.contextmanager
def progress(total: int, title: str) -> Iterator[Callable[[str], None]]:
    """Show how many of so many things are done, each time one is."""
    with Step(title) as step:
        count = 0

        def tell(name: str) -> None:
            nonlocal count
            count += 1
            step.advance(f"{count} of {total} {name}")

        yield tell
        step.done = f"{total}"


def _sign(record: Record | None) -> Text:
    if record is None:
        return Text(" ")
    sign, style = SIGNS[str(record["verdict"])]
    return Text(sign, style=style)


def _heading(column: str) -> str:
    """The column's kernel above its libc, in narrow lines."""
    libc, _, kernel = column.partition("/")
    return f"{kernel}\n{libc}".replace("-", "-\n")


def table(records: Sequence[Record], columns: Sequence[str]) -> int:
    """Print the table and below it what the signs stand for.  Returns 0 if all
    is as expected, 1 if not."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = WIDTH
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("program", no_wrap=True)
    grid.add_column("language", no_wrap=True)
    for column in columns:
        grid.add_column(_heading(column), no_wrap=True)
    cells = {(record["program"], record["column"]): record for record in records}
    last = None
    for name, kind, language in sorted({(str(record["program"]), str(record["kind"]),
                                         str(record["language"])) for record in records},
                                       key=lambda row: (row[1], row[0])):
        if last not in (None, kind):
            grid.add_section()
        last = kind
        grid.add_row(name, language, *(_sign(cells.get((name, column))) for column in columns))
    console.print(grid)
    counts = Counter(str(record["verdict"]) for record in records)
    console.print("  ".join(" ".join(dict.fromkeys((SIGNS[word][0], word, str(count))))
                            for word, count in sorted(counts.items())))
    reasons = Counter((str(record["verdict"]), str(record["why"])) for record in records
                      if record["verdict"] in ("deviates", "refuses", "skipped", "harmed"))
    for (word, why), count in sorted(reasons.items()):
        console.print(f"{word} ({count}): {why}")
    failures = [record for record in records if record["verdict"] not in AS_EXPECTED]
    for record in failures:
        console.print(f"{record['verdict']}: {record['program']} on {record['column']}: "
                      f"{record['why']}; see out/programs/transcripts/"
                      f"{str(record['column']).replace('/', '-')}/{record['program']}.*",
                      markup=False)
    if not records:
        console.print("There is no cell.")
        return 1
    console.print("All as expected." if not failures else f"{len(failures)} cells are not as "
                  "expected.")
    return 1 if failures else 0
