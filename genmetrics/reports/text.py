"""The table on the terminal: scores, how sure they are, what to keep in mind, what to paste beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genmetrics.records import Record, Score
from genmetrics.reports import wording
from genmetrics.reports.meaning import meanings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from genmetrics.comparison import Difference

GUTTER = 2  # blanks between columns
PANEL_LINES = {
    "worse": ("sees", ""),
    "better": ("says better", "yellow"),
    "cannot tell": ("cannot tell", "dim"),
    "blind": ("blind", "dim"),
}
WITHOUT_UNICODE = str.maketrans({"↓": "(lower)", "↑": "(higher)", "∞": "inf", "±": "+-", "×": "x", "–": "-", "≈": "~"})


def print_record(record: Record, console: Console) -> None:
    """Print the record's scores, remarks and signatures.

    Numbers are never cut short: where the console is narrow, cells take two lines, then long names wrap,
    and below that the table is as wide as its numbers are.
    """
    console.print(score_table(record, console), crop=False)
    say(console, directions(record), style="dim")
    for remark in [*wording.interval_remarks(record), *wording.excess_remarks(record), *meanings(record)]:
        say(console, remark, indent="  ", style="dim")
    warnings = wording.warning_remarks(record)
    if warnings:
        console.print()
        say(console, "Keep in mind", style="bold yellow")
    for i, warning in enumerate(warnings, 1):
        say(console, warning, indent=f"{i:>3}. ")
    console.print()
    for score in record.scores:
        line = f"{wording.one_line(score.signature)} = {wording.score_number(score)}"
        console.print(as_text(console, line, style="dim"), soft_wrap=True)  # one line to copy, however long


def print_differences(
    found: Sequence[Difference],
    console: Console,
    names: tuple[str, str] = ("the first record", "the second"),
    warnings: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> None:
    """Print what `comparison.compare` found of two records: the differences, the reasons, what to keep in mind."""
    rows = [difference_row(row) for row in found]
    table = aligned(console, ["metric", "a", "b", "a - b", "95% interval", "verdict"], rows, right=(1, 2, 3))
    least_width(table, console)
    console.print(table, crop=False)
    a, b = (wording.one_line(name) for name in names)
    legend = (
        f"a is {a}, b {b}; 'cannot tell': the interval holds 0, there is none, or it is not sure which of the two is "
        "better."
    )
    say(console, legend, style="dim")
    reasons: dict[str, list[str]] = {}
    for row in found:
        reasons.setdefault(wording.one_line(row.reason), []).append(wording.one_line(row.name))
    for reason, of in reasons.items():
        say(console, f"{', '.join(of)}: {reason}", indent="  ", style="dim")
    owners: dict[str, list[str]] = {}
    for owner, own in zip("ab", warnings, strict=True):
        for warning in own:
            owners.setdefault(warning, []).append(owner)
    if owners:
        console.print()
        say(console, "Keep in mind", style="bold yellow")
    for i, (warning, of) in enumerate(owners.items(), 1):
        say(console, f"{' and '.join(of)}: {warning}", indent=f"{i:>3}. ")


def print_metrics(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print what `genmetrics metrics` lists: what each metric tells, then range, names, needs, cost and paper."""
    for row in rows:
        star = " *" if row["usual"] else ""
        console.print(as_text(console, f"{row['metric']}{star} {wording.ARROWS[row['better']]}", style="bold"))
        say(console, row["summary"], indent="    ")
        low, high = ("∞" if end is None else f"{end:g}" for end in row["range"])
        span = f"{'-' if low == '∞' else ''}{low} to {high}"
        facts = (span, printed_names(row), "needs " + ", ".join(row["needs"]), "cost " + row["cost"], row["paper"])
        say(console, "; ".join(facts), indent="    ", style="dim")
    console.print()
    legend = (
        "* the usual panel. ↓ lower is better, ↑ higher is better, ≈ closer to real data's is better. Costs: n real "
        "and m generated images, d features. Of two printed names the second is that on inception-v3-tf2015. "
        "--protocols lists names like fid-50k; pictures of what each metric sees: docs/metrics.md."
    )
    say(console, legend, style="dim")


def printed_names(row: Mapping[str, Any]) -> str:
    """'printed fd_EXTRACTOR, or fid': what stands beside the number, on the Inception network where that differs."""
    plain, on_inception = row["printed"], row["printed_on_inception"]
    own = on_inception != plain.replace("EXTRACTOR", "inception-v3-tf2015")
    return f"printed {plain}, or {on_inception}" if own else f"printed {plain}"


def print_protocols(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the named protocols: what each stands for."""
    for row in rows:
        console.print(as_text(console, row["protocol"], style="bold"))
        metrics = ", ".join(with_options(metric, row["options"].get(metric)) for metric in row["metrics"])
        network = "" if row["extractor"] is None else f" on {row['extractor']}"
        number = "all samples" if row["n_images"] is None else f"{row['n_images']:,} samples"
        say(console, f"{metrics}{network}, {number}", indent="    ")


def with_options(metric: str, options: Mapping[str, Any] | None) -> str:
    """'precision (k 5)' where a protocol departs from the usual."""
    return f"{metric} ({', '.join(f'{name} {value}' for name, value in options.items())})" if options else metric


def print_panel(panel: Any, console: Console) -> None:
    """Print what `sensitivity` found: for each metric the damage it sees, from which strength on."""
    for metric in panel.metrics:
        answers = [answer for answer in panel.answers if answer.metric == metric]
        if not answers:
            continue
        undamaged = wording.number(answers[0].undamaged).value
        console.print(
            as_text(
                console, f"{metric} {wording.ARROWS[panel.better[metric]]} {undamaged} without damage", style="bold"
            )
        )
        for verdict, (heading, style) in PANEL_LINES.items():
            said = [ends(answer) for answer in answers if answer.verdict == verdict]
            if said:
                say(console, f"{heading}: {', '.join(said)}", indent="    ", style=style)
    console.print()
    legend = (
        "Damage, the weakest strength from which on the value moves by more than four times its noise (or 'at' which "
        "alone it does), and the value at the greatest strength. ~ not at every step. Cannot tell: beyond the noise of "
        "all images, within that of as few. Training copies (memorised) and fewer images (small-n) are no damage to "
        "the pictures."
    )
    say(console, legend, style="dim")
    for reason in panel.left_out:
        say(console, f"left out: {reason}", style="dim")


def ends(answer: Any) -> str:
    """'blur from 3.5 (12.1 ~)'."""
    start = f" {answer.where}" if answer.where else ""
    return f"{answer.damage}{start} ({wording.number(answer.at_most).value}{'' if answer.monotone else ' ~'})"


def difference_row(found: Difference) -> list[tuple[str, str]]:
    """The cells of one difference, each with its style."""
    values = (found.a, found.b)
    if found.value is None:
        own = [(str(wording.number(x)), "") for x in values]
        return [(wording.one_line(found.name), ""), *own, ("–", "dim"), ("–", "dim"), (found.verdict, "yellow")]
    shown = wording.number(found.value, found.low, found.high)
    half_width = 0.0 if found.low is None or found.high is None else (found.high - found.low) / 2
    form = wording.number_format([*values, found.value], half_width)
    return [
        (wording.one_line(found.name), ""),
        *((wording.printed(x, form), "") for x in values),
        (shown.value, "bold"),
        (shown.interval or wording.NO_INTERVAL, "" if shown.interval else "dim"),
        (found.verdict, "dim" if found.verdict == "cannot tell" else "bold"),
    ]


def score_table(record: Record, console: Console) -> Table:
    """One row a score, in the widest layout that fits the console."""
    tables = [layout(record, console, *spaces) for spaces in ((" ", " "), (" ", "\n"), ("\n", "\n"))]
    for table in tables:
        if natural_width(table, console) <= console.width:
            return table
    least_width(tables[-1], console)
    return tables[-1]


def layout(record: Record, console: Console, in_counts: str, before_interval: str) -> Table:
    """One row a score; the column 'real data' only where some score has a baseline."""
    rows = [row(score, in_counts, before_interval) for score in record.scores]
    headings = ["metric", "value", "95% interval", "n real /\ngenerated", "real data"]
    if not any(score.baseline for score in record.scores):
        headings.pop()
    return aligned(console, headings, rows)


def aligned(
    console: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[tuple[str, str]]],
    right: Collection[int] = (1,),
) -> Table:
    """Cells under their headings: the names in the first column may wrap, nothing else; `right` columns are flush."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, padding=(0, GUTTER - 1, 0, 0), pad_edge=False, show_edge=False)
    for i, heading in enumerate(headings):
        if i == 0:
            table.add_column(heading, overflow="fold", min_width=len(heading))
        else:
            lines = [heading, *(cells[i][0] for cells in rows)]
            width = max(len(part) for line in lines for part in as_text(console, line).plain.split("\n"))
            table.add_column(heading, justify="right" if i in right else "left", no_wrap=True, min_width=width)
    for cells in rows:
        table.add_row(*(as_text(console, *cell) for cell in cells[: len(headings)]))
    return table


def row(score: Score, in_counts: str, before_interval: str) -> list[tuple[str, str]]:
    """The cells of one score, each with its style; what follows ' /' and precedes an interval is given."""
    shown, baseline = wording.score_number(score), wording.baseline_number(score)
    return [
        (f"{wording.one_line(score.name)} {wording.ARROWS.get(score.better, '')}".strip(), ""),
        (shown.value, "bold"),
        (shown.interval or wording.NO_INTERVAL, "" if shown.interval else "dim"),
        (wording.images(score).replace(" / ", f" /{in_counts}"), ""),
        (str(baseline).replace(" [", f"{before_interval}[") if baseline else "", "cyan"),
    ]


def directions(record: Record) -> str:
    """What the table's arrows and brackets mean."""
    used = dict.fromkeys(score.better for score in record.scores if score.better)
    return "".join(f"{wording.ARROWS[better]} {better} is better, " for better in used) + "95% intervals."


def say(console: Console, text: str, *, indent: str = "", style: str = "") -> None:
    """Print a remark as it is, wrapped at the console's width under its own first letter."""
    wrapped = textwrap.fill(
        text,
        width=max(console.width, len(indent) + 20),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,
    )
    console.print(as_text(console, wrapped, style), soft_wrap=True)


def as_text(console: Console, text: str, style: str = "") -> Text:
    """A string that the console can encode and will not interpret."""
    from rich.text import Text

    if console.options.ascii_only:
        text = text.translate(WITHOUT_UNICODE).encode("ascii", "backslashreplace").decode()
    return Text(text, style=style)


def least_width(table: Table, console: Console) -> None:
    """Let the table be as wide as its numbers are where the console is narrower; where it fits, leave it."""
    least = sum((column.min_width or 0) + GUTTER for column in table.columns)
    if natural_width(table, console) > console.width:
        table.width = max(console.width, least)


def natural_width(table: Table, console: Console) -> int:
    """The table's width when nothing wraps."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(width=10_000), table).maximum
