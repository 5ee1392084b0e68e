"""docs/BENCHMARKS.md out of what was measured."""
import math
import statistics

import process
import tables

HEAD = f"""# Benchmarks

Written by `make bench`; do not edit. Figures are medians over processes, with the smallest and the
largest in parentheses. The programs of a row are run in turn (A B A B), and each process's forward pass is
the best of the passes it makes (`--repeat` in the commands), on both sides alike. A ratio is the median
of the ratios of each turn, so it is not quite the quotient of the medians beside it; below 1 the first
named took less. All programs are given the same token ids and use all cores. Memory is looked at
from outside every {1e3 * process.INTERVAL:.0f} ms, the same way for every program: private memory is what a process holds by itself
(RssAnon), resident memory (VmHWM) also counts the pages of files that it maps, which the system may take
back; the page cache is in neither.

Where nothing else is said, "ours" is `bin/forward` (internal/forward): the engine without measures and
output, each pass reading the weights anew. "transformers" is transformers with PEFT on torch (`hf_peer.py`:
sdpa attention, all hidden states); its weights are in memory before its pass begins. Every single run is in
[benchmarks.json](benchmarks.json).
"""

# How a figure comes out of a run.
FIGURES = {
    "wall_s": lambda r: r["wall_s"],
    "forward_s": lambda r: r["forward_s"],
    "analyze_s": lambda r: r["analyze_s"],
    "report_s": lambda r: r["report_s"],
    "layer_ms": lambda r: 1e3 * r["forward_s"] / r["layers"],
    "token_us": lambda r: 1e6 * r["forward_s"] / r["layers"] / r["tokens"],
    "forward_tokens_per_s": lambda r: r["tokens"] / r["forward_s"],
    "wall_tokens_per_s": lambda r: r["tokens"] / r["wall_s"],
    "anon_gib": lambda r: r["anon_bytes"] / 2**30,
    "resident_gib": lambda r: r["resident_bytes"] / 2**30,
}


def render(kept):
    """The whole document; a table that was never measured is named and left out."""
    shown = [table for table in tables.ALL.values() if table.name in kept]
    machines = numbered(kept[table.name]["at"] for table in shown)
    parts = [HEAD]
    missing = [f"`{name}`" for name in tables.ALL if name not in kept]
    if missing:
        parts.append(f"Not measured yet: {', '.join(missing)} (`make bench BENCH=\"NAME ...\"`).\n")
    parts.append(machine_list(machines))
    parts += [section(table, kept[table.name], machines) for table in shown]
    return "\n".join(parts)


def numbered(places):
    """Machines with their versions, each with a letter, in the order of the tables."""
    letters = {}
    for at in places:
        letters.setdefault(machine_line(at), chr(ord("A") + len(letters)))
    return letters


def machine_line(at):
    return (f"{at['processor']} ({at['model']}), {at['cores']} cores, {at['isa']}; {at['memory_gib']} GiB of memory; "
            f"{at['system']}; {at['versions']}")


def machine_list(machines):
    return "## Machines\n\n" + "".join(f"- {letter}: {line}\n" for line, letter in machines.items())


def section(table, result, machines):
    """One table: title, what it is, the table, where it comes from, its commands."""
    at = result["at"]
    providers = sorted({run["provider"] for row in result["rows"] for runs in row["runs"].values() for run in runs if "provider" in run})
    origin = (f"Machine {machines[machine_line(at)]}, {at['date']}, commit {at['commit']}, processes of each program: {at['rounds']}, "
              f"{at['took_s']} s in all.{others(result['rows'])}")
    if providers:
        origin += f" Engine: {'; '.join(providers)}."
    return (f"## {table.title}\n\n{table.note}\n\n{grid(table, result['rows'])}\n{origin}\n\n"
            f"<details><summary>Commands: <code>make bench BENCH={table.name}</code> runs these</summary>\n\n{commands(result['rows'])}\n</details>\n")


def others(rows):
    """How much the machine did beside the runs, where the system told."""
    shares = [100 * run["others"] for row in rows for runs in row["runs"].values() for run in runs if "others" in run]
    if not shares:
        return ""
    return f" Other work took {statistics.median(shares):.0f} % of the processors during a run, at most {max(shares):.0f} %."


def grid(table, rows):
    lines = [[table.first] + [column.head for column in table.columns], ["---"] + ["---:"] * len(table.columns)]
    for row in rows:
        lines.append([row["label"]] + [cell(column, row["runs"]) for column in table.columns])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def cell(column, runs):
    """A column's cell; a dash where the row has no such program or the system did not tell."""
    figure = FIGURES[column.figure]
    try:
        if isinstance(column, tables.Ratio):
            return spread(figure(a) / figure(b) for a, b in zip(runs[column.over], runs[column.under], strict=True))
        return spread(figure(run) for run in runs[column.program])
    except KeyError:
        return "–"


def spread(values):
    """The median with the smallest and the largest; one number where they look the same."""
    values = list(values)
    middle, least, most = (digits(f(values)) for f in (statistics.median, min, max))
    return middle if least == most else f"{middle} ({least}–{most})"


def digits(x):
    """Three digits that count, and every digit before the point."""
    if x == 0:
        return "0"
    return f"{x:.{max(0, 2 - math.floor(math.log10(abs(x))))}f}"


def commands(rows):
    """Every command of a table once, in the order of its rows."""
    lines = dict.fromkeys(line for row in rows for line in row["commands"].values())
    return "".join(f"    {line}\n" for line in lines)
