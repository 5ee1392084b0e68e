"""One process, timed and watched from outside, whatever program it is."""
import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import machine

INTERVAL = 0.05  # seconds between two looks at a process's memory

# For all programs: models are folders here, and nothing may ask the network about them.
OFFLINE = {"HF_HUB_OFFLINE": "1"}

# What is kept of a program's own figures.
OWN = ("load_s", "forward_s", "analyze_s", "report_s", "provider")


class Failed(Exception):
    """A program did not end well."""


@dataclasses.dataclass
class Program:
    """A command line whose last line on standard output is a JSON object of figures.

    "{out}" in an argument stands for a folder that is made for the run and removed after it.
    facts are figures known beforehand, as the number of layers.
    """
    argv: list
    facts: dict
    env: dict = dataclasses.field(default_factory=dict)


def run(program, cwd):
    """Runs a program to its end and returns its figures: its own, the wall clock's and the memory's."""
    with tempfile.TemporaryDirectory(prefix="bench-") as out, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        argv = [arg.replace("{out}", out) for arg in program.argv]
        others, start = machine.Others(), time.monotonic()
        child = subprocess.Popen(argv, cwd=cwd, env={**os.environ, **OFFLINE, **program.env}, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        try:
            memory = Watch(child.pid)
            child.wait()
            wall = time.monotonic() - start
        finally:
            child.kill()  # nothing to do after its end; an interrupt must not leave it running
        peaks, busy = memory.stop(), others.share()
        if child.returncode != 0:
            raise Failed(f"{' '.join(argv)}: exit code {child.returncode}: {tail(stderr)}")
        own = figures(stdout, argv)
    return {**program.facts, **own, **peaks, **busy, "wall_s": round(wall, 3)}


def figures(stdout, argv):
    """The figures that a program printed; those of layerclust lie one level deeper."""
    line = tail(stdout)
    try:
        printed = json.loads(line)
    except json.JSONDecodeError:
        raise Failed(f"{' '.join(argv)}: printed {line!r}, want a JSON object") from None
    printed = {**printed, **printed.get("timings", {})}
    return {key: round(printed[key], 4) if isinstance(printed[key], float) else printed[key] for key in OWN if key in printed}


def tail(file):
    """The last line of an output."""
    file.seek(0)
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


class Watch(threading.Thread):
    """Looks at a process's memory from its start until stop.

    Private memory is RssAnon: what the process holds by itself. Resident memory is VmHWM, which
    also counts pages of mapped files that the system may take back at any time. Pages of files
    that were read and not mapped (the page cache) are in neither. The kernel keeps no peak of
    RssAnon, so it is the largest value seen. Without /proc the result is empty.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.peaks, self.ended = {}, threading.Event()
        self.start()

    def run(self):
        while self.look() and not self.ended.wait(INTERVAL):
            pass

    def look(self):
        """Notes the memory now; False where there is nothing to look at."""
        try:
            now = parse_status(self.status.read_text())
        except OSError:
            return False
        for key, value in now.items():
            self.peaks[key] = max(value, self.peaks.get(key, 0))
        return True

    def stop(self):
        self.ended.set()
        self.join()
        return self.peaks


def parse_status(text):
    """Bytes of private and resident memory in the text of /proc/PID/status."""
    names = {"RssAnon": "anon_bytes", "VmHWM": "resident_bytes"}
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in names:
            found[names[name]] = int(value.split()[0]) << 10  # "1234 kB"
    return found
