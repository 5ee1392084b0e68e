"""What the figures were measured on."""
import os
import pathlib
import platform
import re
import subprocess
import time

# The instruction sets that decide on the speed of products, as /proc/cpuinfo has them.
ISA = ["avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_tile", "asimd", "sve", "bf16"]


def describe():
    """The machine; what this system does not tell is "unknown"."""
    cpuinfo, meminfo = read("/proc/cpuinfo"), read("/proc/meminfo")
    flags = set(field(cpuinfo, "flags", field(cpuinfo, "Features", "")).split())
    total = field(meminfo, "MemTotal", "").split()
    return {
        "processor": field(cpuinfo, "model name", platform.processor() or "unknown"),
        "model": " ".join(f"{name} {field(cpuinfo, key, '?')}" for name, key in
                          (("family", "cpu family"), ("model", "model"), ("stepping", "stepping"))) if flags else "unknown",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "isa": " ".join(name for name in ISA if name in flags) or "unknown",
        "memory_gib": round(int(total[0]) / 2**20, 1) if total else "unknown",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
    }


def available_gib():
    """Memory that a new process may take; 0 where the system does not tell."""
    free = field(read("/proc/meminfo"), "MemAvailable", "0").split()
    return int(free[0]) / 2**20


def commit(root):
    """The commit that is measured, and whether the tree differs from it elsewhere than in the results."""
    def git(*args):
        return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    name = git("rev-parse", "--short=10", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--", ".", ":!docs/BENCHMARKS.md", ":!docs/benchmarks.json")
    return name + (" with changes" if changed else "")


class Others:
    """How busy the processors are with other work than the processes that we start and wait for.

    Work of other guests of the host (steal) counts. A figure taken while it is high says little.
    """

    def __init__(self):
        self.busy, self.own, self.start = busy_seconds(), own_seconds(), time.monotonic()

    def share(self):
        """The share of all cores since the start, as "others"; nothing where the system does not tell."""
        if self.busy is None:
            return {}
        foreign = busy_seconds() - self.busy - (own_seconds() - self.own)
        return {"others": round(max(0.0, foreign) / (time.monotonic() - self.start) / os.cpu_count(), 3)}


def busy_seconds():
    """Seconds that the processors have not been idle, over all of them; None without /proc/stat."""
    line = read("/proc/stat").partition("\n")[0].split()
    if not line:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, line[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def field(text, name, default):
    """The first "name : value" of a /proc file."""
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else default
