"""Make solver.json: eigenvalues and singular values by other means.

    python make_solver.py SMOLLM2_FOLDER > solver.json

Small matrices have small integer entries, which stand in the file; their values
come from mpmath with 60 digits, rounded. "condition" is that of the worst
eigenvalue, 1/|y'x| of its unit vectors (scipy): what a backward error of
eps |A| is multiplied by. Those of SmolLM2-135M-Instruct's weights, widened to
float64, come from numpy; the test reads the weights again.
"""

import json
import platform
import sys

import mpmath
import numpy as np
import scipy
from safetensors import safe_open

mpmath.mp.dps = 60


def draws(seed, rows, cols):
    """Integers from -100 to 100 by a linear congruential generator."""
    x, out = seed, []
    for _ in range(rows * cols):
        x = (1103515245 * x + 12345) % 2**31
        out.append((x >> 16) % 201 - 100)
    return np.array(out, dtype=float).reshape(rows, cols)


def grcar(n):
    return sum(np.eye(n, k=k) for k in range(4)) - np.eye(n, k=-1)


def frank(n):
    return np.array([[n - max(i, j) if j >= i - 1 else 0 for j in range(n)] for i in range(n)], dtype=float)


def small():
    yield "general", draws(1, 24, 24)
    yield "symmetric", np.tril(draws(2, 10, 10)) + np.tril(draws(2, 10, 10), -1).T
    yield "grcar", grcar(20)
    yield "frank", frank(10)
    companion = np.eye(6, k=-1)
    companion[0] = -np.poly([1, 2, 3, 4, 5, 6])[1:]
    yield "companion of 1 to 6", companion
    d = 2.0 ** np.arange(0, 24, 2)
    yield "badly scaled", np.diag(d) @ draws(3, 12, 12) @ np.diag(d[::-1])
    yield "rank 3", draws(4, 12, 3) @ draws(5, 3, 12)
    yield "skew", np.tril(draws(6, 9, 9), -1) - np.tril(draws(6, 9, 9), -1).T
    yield "tall", draws(7, 30, 7)
    yield "wide", draws(8, 7, 30)
    yield "row", draws(9, 1, 5)
    yield "zero", np.zeros((4, 4))


def condition(a):
    _, y, x = scipy.linalg.eig(a, left=True)
    return float(1 / np.abs(np.sum(y.conj() * x, axis=0)).min())


def pairs(values):
    return [[float(f"{v.real:.15g}"), float(f"{v.imag:.15g}")] for v in sorted(values, key=lambda v: (-abs(v), -v.imag))]


def rounded(values):
    return [float(f"{v:.15g}") for v in values]


def exact(name, a):
    case = {"name": name, "rows": a.shape[0], "cols": a.shape[1], "matrix": [int(v) for v in a.ravel()]}
    s = mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)
    case["sv"] = [float(v) for v in s]
    if a.shape[0] == a.shape[1]:
        values = [mpmath.chop(v, tol=1e-40) for v in mpmath.eig(mpmath.matrix(a.tolist()), left=False, right=False)]
        case["eig"] = [[float(mpmath.re(v)), float(mpmath.im(v))] for v in values]
        case["condition"] = condition(a) if a.any() else 1
    return case


def real(folder, layer):
    with safe_open(f"{folder}/model.safetensors", "pt") as f:
        v, o = (f.get_tensor(f"model.layers.{layer}.self_attn.{n}_proj.weight").double().numpy() for n in "vo")
    ov = []
    for head in (0, 8):  # of 9 over 3 groups, 64 dimensions each
        group = head // 3
        full = o[:, head * 64 : (head + 1) * 64] @ v[group * 64 : (group + 1) * 64]  # (576, 576), rank 64
        values = sorted(np.linalg.eigvals(full), key=lambda v: -abs(v))
        ov.append({"head": head, "eig": pairs(values[:64])})
    return {
        "layer": layer,
        "ov": ov,
        "o_eig": pairs(np.linalg.eigvals(o)),
        "o_condition": condition(o),
        "o_sv": rounded(np.linalg.svd(o, compute_uv=False)),
        "v_sv": rounded(np.linalg.svd(v, compute_uv=False)),
    }


versions = {m.__name__: m.__version__ for m in (np, scipy, mpmath)} | {"python": platform.python_version()}
out = {"made_with": versions, "small": [exact(n, a) for n, a in small()], "smollm2": [real(sys.argv[1], i) for i in (0, 15)]}
json.dump(out, sys.stdout, separators=(",", ":"))
print()
