"""Writes lowrank.json: LoRA updates and what numpy and scipy say of the dense products.

    python make_lowrank.py        numpy 2, scipy 1.17; the same bytes each time

Factors are rounded to float32, as an adapter's file has them; everything else is float64.
random: the mean of 20,000 dense draws with its standard error.
"""
import json, pathlib
import numpy as np, scipy, scipy.linalg

rng = np.random.default_rng(7)

def factors(out, inn, r, scale, kind="normal"):
    a = rng.standard_normal((r, inn)).astype(np.float32)
    b = rng.standard_normal((out, r)).astype(np.float32)
    if kind == "deficient":
        b[:, -1] = b[:, 0]
        a[-1] = a[0]
    elif kind == "zero":
        b[:] = 0
    elif kind == "graded":
        b *= np.float32(10.0) ** -np.arange(r, dtype=np.float32)[None, :]
    elif kind == "nilpotent":  # A B = 0: A reads other coordinates than B writes
        a[:, : inn // 2] = 0
        b[out // 2 :] = 0
    return {"name": f"{kind} {out}x{inn} r{r}", "out": out, "in": inn, "rank": r, "scale": scale, "a": a.ravel().tolist(), "b": b.ravel().tolist()}

def dense(f):
    a = np.array(f["a"]).reshape(f["rank"], f["in"])
    b = np.array(f["b"]).reshape(f["out"], f["rank"])
    return f["scale"] * (b @ a)

def effective_rank(s):
    p = s / s.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))

updates = []
for args in [(12, 12, 3, 2.0), (12, 9, 3, 0.5), (7, 20, 4, -16.0), (5, 5, 8, 1.0), (6, 30, 10, 1.0), (16, 16, 4, 2.0, "deficient"),
             (16, 10, 3, 1.0, "zero"), (20, 20, 5, 4.0, "graded"), (18, 18, 3, 1.0, "nilpotent")]:
    f = factors(*args)
    w = dense(f)
    k = min(f["rank"], f["out"], f["in"])
    s = np.linalg.svd(w, compute_uv=False)[:k]
    f["sigma"] = s.tolist()
    if s[0] > 0:
        q = s * s
        f["stable"] = float(q.sum() / q[0])
        f["effective"] = effective_rank(s)
        f["energy"] = (np.cumsum(q) / q.sum()).tolist()
    if f["out"] == f["in"]:
        e = np.linalg.eigvals(w)
        e = e[np.argsort(-np.abs(e))][:k]
        f["eig"] = [[z.real, z.imag] for z in e]
    updates.append(f)

pairs = []
for i in range(3):
    x, y = factors(24, 18, 4, 1.0), factors(24, 18, 3, 1.0)
    if i == 1:  # nearly the same column space
        y["b"] = (np.array(x["b"]).reshape(24, 4)[:, :3] + 1e-5 * rng.standard_normal((24, 3))).astype(np.float32).ravel().tolist()
        x["a"] = np.array(x["a"]).tolist()
    if i == 2:  # one direction in common
        b = np.array(y["b"]).reshape(24, 3); b[:, 0] = np.array(x["b"]).reshape(24, 4)[:, 1]
        y["b"] = b.astype(np.float32).ravel().tolist()
    p = {"x": x, "y": y, "sides": {}}
    wx, wy = dense(x), dense(y)
    ux, _, vx = np.linalg.svd(wx)
    uy, _, vy = np.linalg.svd(wy)
    for side, (gx, gy) in {"left": (ux, uy), "right": (vx.T, vy.T)}.items():
        for i1, j1 in [(1, 1), (4, 3)]:
            g = gx[:, :i1].T @ gy[:, :j1]
            p["sides"][f"{side} {i1} {j1}"] = {"phi": float((g * g).sum() / min(i1, j1)),
                "angles": np.sort(scipy.linalg.subspace_angles(gx[:, :i1], gy[:, :j1])).tolist()}
    p["cosine"] = float((wx * wy).sum() / np.linalg.norm(wx) / np.linalg.norm(wy))
    pairs.append(p)

path = [factors(14, 11, 2, 2.0) for _ in range(4)]
for t in range(1, 4):  # a walk, not four strangers
    for k in "ab":
        path[t][k] = (np.array(path[t - 1][k]) + 0.5 * np.array(path[t][k])).astype(np.float32).tolist()
w = [dense(f) for f in path]
cos = lambda x, y: float((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y))
walk = {"series": path, "cos_final": [cos(x, w[-1]) for x in w], "cos_previous": [cos(w[t], w[t - 1]) for t in range(1, 4)],
        "step_norm": [float(np.linalg.norm(w[t] - w[t - 1])) for t in range(1, 4)],
        "step_cos": [cos(w[t] - w[t - 1], w[t + 1] - w[t]) for t in range(1, 3)]}

random = []
for out, inn, r in [(32, 32, 3), (20, 48, 4), (6, 6, 9)]:
    draws = 20000
    k = min(out, inn, r)
    a, b = rng.standard_normal((draws, r, inn)), rng.standard_normal((draws, out, r))
    s = np.linalg.svd(b @ a, compute_uv=False)[:, :k]
    unit = s / np.linalg.norm(s, axis=1, keepdims=True)
    item = {"out": out, "in": inn, "rank": r, "sigma": unit.mean(0).tolist(), "deviation": unit.std(0).tolist(),
            "lo": np.quantile(unit, 0.025, axis=0).tolist(), "hi": np.quantile(unit, 0.975, axis=0).tolist()}
    if out == inn:
        ratio = np.abs(np.linalg.eigvals(a @ b)).max(1) / s[:, 0]
        item |= {"ratio": float(ratio.mean()), "ratio_deviation": float(ratio.std())}
    random.append(item)

text = json.dumps({"numpy": np.__version__, "scipy": scipy.__version__, "updates": updates, "pairs": pairs, "path": walk, "random": random})
pathlib.Path(__file__).with_name("lowrank.json").write_text(text + "\n")
