"""Writes attention.json: spectra of small random attention layers, by the plain
dense way, with numpy.

    python3 make_attention.py

Every map is formed whole, (D, D), and decomposed by numpy in float64: OV_h =
W_O,h W_V,g and QK_h = W_Q,h' R W_K,g with R the rotation of the rotary embedding as
a matrix, K'Q with K repeated for its query heads. Ranks are numpy's matrix_rank of
the product formed in float32, and in float64, with its default tolerance.
"""
import json
import os

import numpy as np


def draw(rng, rows, cols):
    return (rng.standard_normal((rows, cols)) / np.sqrt(cols)).astype(np.float32).astype(np.float64)


def rotation(delta, frequencies):
    """R_p of transformers' apply_rotary_pos_emb: x cos + rotate_half(x) sin."""
    half = len(frequencies)
    r = np.zeros((2 * half, 2 * half))
    for i, f in enumerate(frequencies):
        c, s = np.cos(delta * f), np.sin(delta * f)
        r[i, i], r[i, i + half] = c, -s
        r[i + half, i], r[i + half, i + half] = s, c
    return r


def pairs(values):
    return [[float(v.real), float(v.imag)] for v in values]


def leading(values):
    """The n values of the largest modulus."""
    return values[np.argsort(-np.abs(values))]


def case(name, seed, d, heads, kv, hd, offsets):
    rng = np.random.default_rng(seed)
    q, k, v, o = draw(rng, heads * hd, d), draw(rng, kv * hd, d), draw(rng, kv * hd, d), draw(rng, d, heads * hd)
    if hd <= d:  # a head of which some directions are small for float32, and one for float64 too
        small = np.ones(hd)
        small[-2:] = 2.0**-30, 2.0**-60
        q[:hd] *= small[:, None]
    frequencies = [10000.0 ** (-2 * i / hd) for i in range(hd // 2)]
    out = {"name": name, "d": d, "heads": heads, "kv_heads": kv, "head_dim": hd, "offsets": offsets, "frequencies": frequencies,
           "q": q.ravel().tolist(), "k": k.ravel().tolist(), "v": v.ravel().tolist(), "o": o.ravel().tolist()}
    out["v_sv"] = np.linalg.svd(v, compute_uv=False).tolist()
    if v.shape[0] == v.shape[1]:
        out["v_eig"] = pairs(np.linalg.eigvals(v))
    out["per_head"] = []
    n = min(hd, d)
    for h in range(heads):
        g = h * kv // heads
        wq, wk, wv, wo = q[h * hd:(h + 1) * hd], k[g * hd:(g + 1) * hd], v[g * hd:(g + 1) * hd], o[:, h * hd:(h + 1) * hd]
        ov = wo @ wv
        eig = np.linalg.eigvals(ov)
        head = {"ov_eig": pairs(leading(eig)[:n]), "ov_sv": np.linalg.svd(ov, compute_uv=False)[:n].tolist(),
                "ov_copying": float(eig.sum().real / np.abs(leading(eig)[:n]).sum()), "scores": []}
        for delta in offsets:
            b = (rotation(delta, frequencies) @ wq).T @ wk
            single = ((rotation(delta, frequencies) @ wq).astype(np.float32)).T @ wk.astype(np.float32)
            sym = (b + b.T) / 2
            head["scores"].append({
                "qk_sv": np.linalg.svd(b, compute_uv=False)[:n].tolist(), "qk_norm": float(np.linalg.norm(b)),
                "qk_symmetric": float(np.sum(sym**2) / np.sum(b**2)), "qk_rank": int(np.linalg.matrix_rank(single)),
                "qk_rank_float64": int(np.linalg.matrix_rank(b))})
        out["per_head"].append(head)
    repeated = np.concatenate([k[(h * kv // heads) * hd:(h * kv // heads + 1) * hd] for h in range(heads)])
    layer = repeated.T @ q
    out["qk_sv_layer"] = np.linalg.svd(layer, compute_uv=False)[:min(d, kv * hd)].tolist()
    out["qk_rank_layer"] = int(np.linalg.matrix_rank(repeated.astype(np.float32).T @ q.astype(np.float32)))
    out["qk_rank_layer_float64"] = int(np.linalg.matrix_rank(layer))
    return out


cases = [
    case("heads of their own", 1, 24, 4, 4, 6, [0, 3]),
    case("grouped heads", 2, 24, 6, 2, 4, [0, 1, 50]),
    case("heads wider than the state together", 3, 20, 4, 2, 8, [0, 7]),
    case("a head wider than the state", 4, 4, 2, 1, 6, [0, 2]),
]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "attention.json"), "w") as f:
    json.dump({"made_with": "numpy " + np.__version__, "cases": cases}, f)
    f.write("\n")
