"""Compares layerclust with transformers + PEFT, side by side, and writes docs/BENCHMARKS.md.

    make bench                           # every table but "full"
    make bench BENCH="layer adapters"    # these tables; the others stay as they were measured
    make bench BENCH_FULL=1              # "full" as well: a whole 7B model, 13.5 GB of disk
    make bench BENCH=none                # write the document again from what was measured

What was measured is kept in docs/benchmarks.json, a table at a time, each with its own
machine, commit and date. Needs bin/layerclust and bin/forward (make bench builds them) and
the tools of the shared folder (LAYERCLUST_SHARED, ../shared where that is not set).

  LAYERCLUST_BENCH_DIR   models, prompts and adapters; layerclust/bench in the user's cache.
                         6 GB, and 13.5 GB more for "full". What is there is not made again.
  PEER_PYTHON            a Python with torch, transformers and peft; where it is not set, one
                         is made in LAYERCLUST_BENCH_DIR with the versions of supplies.py.
  LAYERCLUST_SMOLLM2     SmolLM2-135M-Instruct, fetched into the user's cache where missing.
"""
import argparse
import pathlib
import sys
import time

import document
import machine
import process
import results
import supplies
import tables

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    a = arguments()
    try:
        names = chosen(a.table, a.full)
        kept = results.load(ROOT / "docs/benchmarks.json")
        failed = [name for name in names if not measured(tables.ALL[name], kept, a)]
        write_document(kept)
    except supplies.Missing as e:
        sys.exit(f"bench: {e}")
    except KeyboardInterrupt:
        sys.exit(130)
    if failed:
        sys.exit(f"bench: failed, and left as measured before: {' '.join(failed)}")


def arguments():
    a = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("table", nargs="*", help=f"{' '.join(tables.ALL)}, or none")
    a.add_argument("--full", action="store_true", help='"full" as well')
    a.add_argument("--rounds", type=int, default=3, help="processes of each program, in turn (3)")
    return a.parse_args()


def write_document(kept):
    (ROOT / "docs/BENCHMARKS.md").write_text(document.render(kept))


def chosen(names, full):
    """The tables to measure, in the order of the document."""
    if names == ["none"]:
        return []
    for name in names:
        if name not in tables.ALL:
            raise supplies.Missing(f"table {name!r}: want {', '.join(tables.ALL)} or none")
    wanted = set(names) or set(tables.ALL) - {"full"}
    return [name for name in tables.ALL if name in wanted or full and name == "full"]


def measured(table, kept, a):
    """Measures one table and keeps it. A program that fails costs its table, not the others."""
    print(f"{table.name}: {table.title}", file=sys.stderr)
    at = dict(machine.describe(), commit=machine.commit(ROOT), date=time.strftime("%Y-%m-%d %H:%M %Z"), rounds=a.rounds)
    store, start = supplies.Store(ROOT), time.monotonic()
    try:
        rows = [measured_row(row, a.rounds, store) for row in table.rows(store)]
    except process.Failed as e:
        print(f"{table.name}: {e}", file=sys.stderr)
        return False
    at.update(versions=store.versions(), took_s=round(time.monotonic() - start))
    results.keep(kept, table.name, at, rows)
    write_document(kept)
    return True


def measured_row(row, rounds, store):
    """Runs a row's programs in turn, A B A B, so that a change of the machine meets them alike."""
    runs = {key: [] for key in row.programs}
    for k in range(rounds):
        for key, program in row.programs.items():
            run = process.run(program, ROOT)
            runs[key].append(run)
            print(f"  {row.label} {key} {k + 1}/{rounds}: {run['wall_s']:.1f} s, forward {run.get('forward_s', 0):.3f} s", file=sys.stderr)
    return {"label": row.label, "runs": runs, "commands": {key: store.shown(p) for key, p in row.programs.items()}}


if __name__ == "__main__":
    main()
