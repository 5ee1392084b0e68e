"""Goldens of the joins of weights and tokens over depth, with numpy and scipy.

    python3 make_join.py > join.json

Every case is a covariate (L+0) and a track (L+1). What is left of ranks comes from
numpy.linalg.lstsq with a Vandermonde matrix and one column each for the first and
the last block, the correlation from scipy.stats.spearmanr.
"""
import json
import sys

import numpy as np
import scipy
from scipy.stats import rankdata, spearmanr


def rest(x):
    n = len(x)
    depth = np.arange(n, dtype=float)
    basis = np.column_stack([np.vander(depth / n, 4), np.eye(n)[:, [0, n - 1]]])
    left = x - basis @ np.linalg.lstsq(basis, x, rcond=None)[0]
    return np.round(left, 9) + 0.0  # what rounding leaves of equal values is equal


def rho(x, y):
    return float(spearmanr(x, y).statistic)


def case(name, x, track):
    x, y = np.asarray(x, float), np.diff(track)
    xr, yr = rest(rankdata(x)), rest(rankdata(y))
    shifted = [rho(rest(np.roll(xr, s)), yr) for s in range(len(x))]
    p = np.mean(np.abs(shifted) >= abs(shifted[0]) - 1e-9)
    return {"name": name, "x": list(map(float, x)), "track": list(map(float, track)), "x_rest": list(xr), "y_rest": list(yr),
            "rho": shifted, "p": float(p)}


def main():
    rng = np.random.default_rng(7)
    cases = []
    x = rng.standard_normal(10)
    cases.append(case("ten blocks", x, np.cumsum(np.r_[0, rng.standard_normal(10)])))
    x = np.cumsum(rng.standard_normal(30)) / 4 + np.linspace(0, 9, 30)
    y = x + 0.4 * rng.standard_normal(30)
    cases.append(case("related, with a trend", x, np.cumsum(np.r_[1, y])))
    x = rng.standard_normal(32)
    y = -0.2 * x + rng.standard_normal(32)
    y[31] = 400  # one block as of no other size
    cases.append(case("one huge increment", x, np.cumsum(np.r_[0, y])))
    x = rng.integers(0, 3, 24)
    y = rng.integers(-1, 2, 24)
    cases.append(case("counts with ties", x, np.cumsum(np.r_[5, y])))
    x = np.where(np.arange(20) % 5 == 2, np.arange(20), 0)
    cases.append(case("blocks left alone", x, np.cumsum(np.r_[0, rng.standard_normal(20) + x / 9])))
    json.dump({"made_with": {"numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}, sys.stdout, indent=1)
    print()


main()
