"""The phase diagram's integrations in numpy, to compare speeds with.

    python scripts/phase_diagram_numpy.py [EPSILONS] [PLAIN_STEPS]

28 perturbations of V = I, each to T = 400 in steps of 0.1: n = 20, d = 2. Two
ways: whole-array numpy over all steps, and the paper's way, Python loops over
tokens with a matrix exponential for every pair, over a few steps, from which
the whole is extrapolated (it is the same work in each step).
"""

import sys
import time

import numpy as np
from scipy.linalg import expm

N, D, T, DT = 20, 2, 400.0, 0.1
STEPS = int(round(T / DT))
EPSILONS = np.linspace(0.001, 0.075, 28)


def arrays(x0, v, steps):
    """Whole-array Euler steps with attention that does not overflow."""
    z = x0.copy()
    top = np.linalg.eigvals(v).real.max()
    for step in range(steps):
        t = step * DT
        y = z @ expm(t * (v - top * np.eye(D))).T
        scores = y @ y.T
        gap = scores.max(axis=1, keepdims=True) - scores
        with np.errstate(over="ignore", divide="ignore"):
            p = np.exp(-np.exp(2 * top * t + np.log(gap)))
        p /= p.sum(axis=1, keepdims=True)
        w = z @ v.T
        z = z + DT * (p @ w - w)
    return z


def loops(x0, v, steps):
    """The same steps as the paper's script takes them."""
    z = x0.copy()
    for step in range(steps):
        t = step * DT
        p = np.empty((N, N))
        for i in range(N):
            for j in range(N):
                total = 0.0
                for k in range(N):
                    e = expm(t * v)
                    total += np.exp(np.dot(e @ z[i], expm(t * v) @ (z[k] - z[j])))
                p[i, j] = 1 / total
        # four stages that coincide
        slopes = [np.array([sum(p[i, j] * (v @ (z[j] - z[i])) for j in range(N)) for i in range(N)]) for _ in range(4)]
        z = z + DT * (slopes[0] + 2 * slopes[1] + 2 * slopes[2] + slopes[3]) / 6
    return z


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else len(EPSILONS)
    plain = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    x0 = np.random.RandomState(42).uniform(-1, 1, (N, D))
    start = time.perf_counter()
    for eps in EPSILONS[:count]:
        arrays(x0, np.diag([1, 1 - eps]), STEPS)
    whole = (time.perf_counter() - start) * len(EPSILONS) / count
    start = time.perf_counter()
    loops(x0, np.diag([1, 0.99]), plain)
    slow = (time.perf_counter() - start) / plain * STEPS * len(EPSILONS)
    print(f"whole arrays: {whole:.1f} s; the script's loops: {slow:.0f} s, extrapolated from {plain} steps")


if __name__ == "__main__":
    main()
