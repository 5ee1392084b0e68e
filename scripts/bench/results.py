"""What was measured, kept between the runs of single tables."""
import json


class Kept(dict):
    """Measured tables by name, and the file that they are kept in."""

    def __init__(self, path, tables):
        super().__init__(tables)
        self.path = path


def load(path):
    return Kept(path, json.loads(path.read_text()) if path.exists() else {})


def keep(kept, name, at, rows):
    """Replaces one table, at being where and when it was measured, and writes the file."""
    kept[name] = {"at": at, "rows": rows}
    kept.path.write_text(layout(kept))


def layout(tables):
    """JSON with one run a line: a new measurement of a table changes that table's lines and no others."""
    parts = []
    for name in sorted(tables):
        rows = [row_layout(row) for row in tables[name]["rows"]]
        parts.append(f'{json.dumps(name)}: {{\n "at": {json.dumps(tables[name]["at"])},\n "rows": [\n' + ",\n".join(rows) + "\n ]}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def row_layout(row):
    programs = []
    for key, runs in row["runs"].items():
        lines = ",\n".join("    " + json.dumps(run) for run in runs)
        programs.append(f"   {json.dumps(key)}: [\n{lines}]")
    head = f'  {{"label": {json.dumps(row["label"])}, "commands": {json.dumps(row["commands"])}, "runs": {{\n'
    return head + ",\n".join(programs) + "}}"
