"""What the figures were measured on."""
import os
import pathlib
import platform
import re
import subprocess

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
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else "unknown",
    }


def commit(root):
    """The commit that is measured, and whether the tree differs from it elsewhere than in the results."""
    def git(*args):
        return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=False).stdout.strip()
    name = git("rev-parse", "--short=10", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--", ".", ":!docs/BENCHMARKS.md", ":!docs/benchmarks.json")
    return name + (" with changes" if changed else "")


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def field(text, name, default):
    """The first "name : value" of a /proc file."""
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", text, re.MULTILINE)
    return found.group(1).strip() if found else default
