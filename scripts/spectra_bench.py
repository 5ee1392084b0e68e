"""Times the spectra of one dense matrix: numpy and layerclust's solvers in turn.

    python3 scripts/spectra_bench.py                     # 4096, two rounds, two threads
    python3 scripts/spectra_bench.py --n 2048 --gonum    # Go's own routines as well
    python3 scripts/spectra_bench.py --at-once           # several matrices: how to share the threads
    python3 scripts/spectra_bench.py --leading           # the ten leading values alone

Prints a line for each measurement as it comes and then a table in Markdown:
seconds a matrix, each round's, of square matrices with independent normal entries.
Both sides get the same number of threads; each measurement is a process of its own.

  PEER_PYTHON        a Python with numpy: this one where it is not set
  LAYERCLUST_LAPACK  another library than the system's, as for layerclust itself

Needs what `make test` needs.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

NUMPY = """
import sys, time, numpy as np
n, what = int(sys.argv[1]), sys.argv[2]
a = np.random.default_rng(1).standard_normal((n, n)) / np.sqrt(n)
start = time.perf_counter()
if what == "Eigenvalues":
    np.linalg.eigvals(a)
elif what == "SingularValues":
    np.linalg.svd(a, compute_uv=False)
else:
    np.linalg.svd(a)
print(time.perf_counter() - start)
"""


def main():
    a = arguments()
    with tempfile.TemporaryDirectory() as folder:
        binary = build(pathlib.Path(folder) / "spectra.test")
        ways = chosen(a, binary)
        times = {name: [] for name, _ in ways}
        for round_number in range(a.rounds):
            for name, measure in ways:
                seconds = measure()
                times[name].append(seconds)
                print(f"round {round_number + 1}: {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    print(f"| {a.n} x {a.n} | seconds a matrix |\n|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {', '.join(f'{s:.2f}' for s in seconds)} |")


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--n", type=int, choices=(1024, 2048, 4096), default=4096, help="side of the matrix (4096)")
    a.add_argument("--rounds", type=int, default=2, help="measurements of each (2)")
    a.add_argument("--threads", type=int, choices=(1, 2), default=2, help="of numpy and of the LAPACK library (2)")
    a.add_argument("--gonum", action="store_true", help="gonum too: minutes at 4096")
    a.add_argument("--at-once", action="store_true", help="two matrices at once on one thread each, too")
    a.add_argument("--leading", action="store_true", help="the ten leading values alone, too")
    a.add_argument("--only", default="Eigenvalues SingularValues", help="of Eigenvalues SingularValues SVD")
    return a.parse_args()


def chosen(a, binary):
    """Names and measurements, numpy's and ours side by side."""
    ways = []
    for what in a.only.split():
        ways.append((f"{what}, numpy, {a.threads} threads", lambda what=what: numpy(a.n, a.threads, what)))
        ours = [("native", a.threads, 1)]
        if a.at_once:
            ours.append(("native", 1, 2))
        if a.gonum:
            ours.append(("gonum", 1, 1))
        names = [what]
        if a.leading:
            names.append({"Eigenvalues": "LeadingEigenvalues"}.get(what, "LeadingSVD"))
        for benchmark in names:
            for solver, threads, at_once in ours:
                label = f"{benchmark}, {solver}, {threads} threads" + (", two at once" if at_once > 1 else "")
                pattern = f"^Benchmark{benchmark}$/^{solver}$/^threads={threads}$/^at-once={at_once}$/^n={a.n}$"
                ways.append((label, lambda pattern=pattern: go(binary, pattern)))
    return ways


def build(binary):
    flags = f"-L{run([ROOT / 'scripts/libtokenizers.sh']).strip()}"
    env = {"GOTOOLCHAIN": "go1.27.3", "GOEXPERIMENT": "simd", "GOAMD64": "v1", "CGO_ENABLED": "1", "CGO_LDFLAGS": flags}
    run(["go", "test", "-c", "-o", binary, "./analyze/spectra"], env)
    return binary


def numpy(n, threads, what):
    python = os.environ.get("PEER_PYTHON", sys.executable)
    env = {k: str(threads) for k in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return float(run([python, "-c", NUMPY, str(n), what], env))


def go(binary, pattern):
    out = run([binary, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", "1x", "-test.timeout", "1h"])
    found = re.search(r"([0-9.e+-]+) s/matrix", out)
    if not found:
        sys.exit(f"spectra_bench: no measurement for {pattern}; is there a LAPACK library?\n{out}")
    return float(found.group(1))


def run(command, env=None):
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | (env or {}), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"spectra_bench: {command[0]}: {done.stderr or done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
