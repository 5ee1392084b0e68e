"""Writes spectra-*.json: what the weights of real models say, by plain numpy.

    python3 make_spectra.py FIXTURES SMOLLM2 [OUT]

FIXTURES is the folder of real models and adapters that the tests use, SMOLLM2 the
one of SmolLM2-135M-Instruct with its weights. Every map is formed whole and
decomposed in float64 (numpy, scipy): no product of heads is turned round, no
triangular factor is taken, W' is W + s B A, or DoRA's, as PEFT merges it.

Rows are those of spectra.csv, as lists: variant, layer, module, head (null for a
whole matrix), quantity, and the values from the largest, [re, im] where complex.
"""
import json
import os
import sys

import numpy as np
import torch
from safetensors import safe_open

FIXTURES, SMOLLM2 = sys.argv[1], sys.argv[2]
OUT = sys.argv[3] if len(sys.argv) > 3 else os.path.dirname(os.path.abspath(__file__))
K, THRESHOLDS = 10, [0.3, 0.5, 0.7, 0.9]
MODULES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]


class Tensors:
    def __init__(self, path):
        self.f = safe_open(path, "pt")  # numpy has no bfloat16
        self.names = set(self.f.keys())

    def __getitem__(self, name):
        return self.f.get_tensor(name).double().numpy()


class Model:
    def __init__(self, path):
        self.config = json.load(open(os.path.join(path, "config.json")))
        c = self.config
        self.heads, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.hd = c.get("head_dim") or c["hidden_size"] // self.heads
        rope = c.get("rope_parameters") or {}
        theta = rope.get("rope_theta") or c.get("rope_theta", 10000.0)
        # as transformers does, to the last bit: numpy's float32 powers are others
        inv = 1.0 / (theta ** (torch.arange(0, self.hd, 2, dtype=torch.int64).float() / self.hd))
        self.frequencies = inv.double().numpy()
        self.tensors = Tensors(os.path.join(path, "model.safetensors"))

    def weight(self, layer, module):
        return self.tensors["model.layers.%d.%s.weight" % (layer, module)]

    def gain(self, layer):
        return self.tensors["model.layers.%d.input_layernorm.weight" % layer]


class Adapter:
    def __init__(self, path):
        c = self.config = json.load(open(os.path.join(path, "adapter_config.json")))
        self.tensors = Tensors(os.path.join(path, "adapter_model.safetensors"))
        self.scale = c["lora_alpha"] / (np.sqrt(c["r"]) if c.get("use_rslora") else c["r"])
        self.rank = c["r"]

    def change(self, w, layer, module, s):
        """W + s (W' - W) less W, or None."""
        prefix = "base_model.model.model.layers.%d.%s." % (layer, module)
        if prefix + "lora_A.weight" not in self.tensors.names:
            return None
        d = self.scale * self.tensors[prefix + "lora_B.weight"] @ self.tensors[prefix + "lora_A.weight"]
        if prefix + "lora_magnitude_vector" in self.tensors.names:
            v = w + d
            d = (self.tensors[prefix + "lora_magnitude_vector"] / np.linalg.norm(v, axis=1))[:, None] * v - w
        return s * d


def largest(values, n=None):
    values = np.asarray(values)
    return values[np.argsort(-np.abs(values), kind="stable")][:n]


def complexes(values):
    return [[float(v.real), float(v.imag)] for v in values]


def rotation(delta, frequencies):
    half = len(frequencies)
    r = np.zeros((2 * half, 2 * half))
    for i, f in enumerate(frequencies):
        c, s = np.cos(delta * f), np.sin(delta * f)
        r[i, i], r[i, i + half], r[i + half, i], r[i + half, i + half] = c, -s, s, c
    return r


def attention(rows, variant, m, layer, w, heads, offsets, gain):
    q, k, v, o = (w["self_attn.%s_proj" % x] for x in "qkvo")
    if gain is not None:
        q, k, v = q * gain, k * gain, v * gain
    d, hd = q.shape[1], m.hd
    svd = lambda x, n: np.linalg.svd(x, compute_uv=False)[:n].tolist()
    rows.append([variant, layer, "v_proj", None, "v_sv", svd(v, min(v.shape))])
    if v.shape[0] == v.shape[1]:
        rows.append([variant, layer, "v_proj", None, "v_eig", complexes(largest(np.linalg.eigvals(v)))])
    for h in heads:
        g = h * m.kv // m.heads
        wq, wk, wv, wo = q[h * hd:(h + 1) * hd], k[g * hd:(g + 1) * hd], v[g * hd:(g + 1) * hd], o[:, h * hd:(h + 1) * hd]
        ov = wo @ wv
        eig = largest(np.linalg.eigvals(ov), hd)
        rows.append([variant, layer, "attn", h, "ov_eig", complexes(eig)])
        rows.append([variant, layer, "attn", h, "ov_sv", svd(ov, hd)])
        rows.append([variant, layer, "attn", h, "ov_radius", [float(np.abs(eig[0]))]])
        rows.append([variant, layer, "attn", h, "ov_positive", [float(np.mean(eig.real > 0))]])
        for delta in offsets:
            at = "@%d" % delta if delta else ""
            b = (rotation(delta, m.frequencies) @ wq).T @ wk
            s = (b + b.T) / 2
            rows.append([variant, layer, "attn", h, "qk_sv" + at, svd(b, hd)])
            rows.append([variant, layer, "attn", h, "qk_rank" + at, [int(np.linalg.matrix_rank(b, tol=np.linalg.norm(b, 2) * d * np.finfo(np.float32).eps))]])
            rows.append([variant, layer, "attn", h, "qk_symmetric" + at, [float(np.sum(s * s) / np.sum(b * b))]])
    repeated = np.concatenate([k[(h * m.kv // m.heads) * hd:][:hd] for h in range(m.heads)])
    b = repeated.T @ q
    rows.append([variant, layer, "attn", None, "qk_sv_layer", svd(b, min(d, m.kv * hd))])
    rows.append([variant, layer, "attn", None, "qk_rank_layer", [int(np.linalg.matrix_rank(b.astype(np.float32)))]])


def place(rows, variant, layer, module, w, change, rank, product):
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    du, ds, dvt = np.linalg.svd(change, full_matrices=False)
    yu, ys, yvt = np.linalg.svd(w + change, full_matrices=False)
    name = module.split(".")[1]
    add = lambda quantity, values: rows.append([variant, layer, name, None, quantity, [float(x) for x in values]])
    norm = np.linalg.norm(change)
    add("relative_norm", [norm / np.linalg.norm(w)])
    add("sigma_ratio", [ds[0] / s[0]])
    add("amplification", [norm / np.linalg.norm(du[:, :rank].T @ w @ dvt[:rank].T)])
    if not product:
        add("effective_sv", ds)
        add("effective_norm", [norm])
    for side, basis, vectors in (("", u, yu), ("_right", vt.T, yvt.T)):
        cosines = np.abs(basis.T @ vectors[:, :K]).max(axis=0)
        add("intruder_cosine" + side, cosines)
        add("intruders" + side, [int(np.sum(cosines < eps)) for eps in THRESHOLDS])
    add("weight_sv", ys[:K])
    # at 1, 2, 4, ... leading directions
    for quantity, squares in (("share_left", np.sum((u.T @ change)**2, axis=1)), ("share_right", np.sum((vt @ change.T)**2, axis=1))):
        total, at = np.cumsum(squares) / norm**2, []
        k = 1
        while k < len(total):
            at.append(total[k - 1])
            k *= 2
        add(quantity, at)


def write(name, m, adapters, layers, heads, offsets, fold, places):
    rows = []
    for layer in layers:
        base = {module: m.weight(layer, module) for module in MODULES}
        gain = m.gain(layer) if fold else None
        attention(rows, "base", m, layer, base, heads, offsets, gain)
        for variant, (adapter, s) in adapters.items():
            adapted = dict(base)
            for module in MODULES:
                change = adapter.change(base[module], layer, module, s)
                if change is None:
                    continue
                adapted[module] = base[module] + change
                if module in places:
                    place(rows, variant, layer, module, base[module], change, adapter.rank, not adapter.config.get("use_dora"))
            attention(rows, variant, m, layer, adapted, heads, offsets, gain)
    with open(os.path.join(OUT, name), "w") as f:
        json.dump({"made_with": "numpy " + np.__version__, "layers": layers, "heads": heads, "offsets": offsets, "fold": fold,
                   "thresholds": THRESHOLDS, "rows": rows}, f)
        f.write("\n")


def fixture(name):
    return Adapter(os.path.join(FIXTURES, "adapters", name))


stories = Model(os.path.join(FIXTURES, "models", "stories260K"))
write("spectra-stories260K.json", stories,
      {"dora": (fixture("stories260K-qv-r4-dora/checkpoint-200"), 1.0), "half": (fixture("stories260K-all-r8-rslora/checkpoint-200"), 0.5)},
      [0, 3], list(range(8)), [0, 4], False, MODULES)
smollm2 = Model(SMOLLM2)
write("spectra-smollm2.json", smollm2, {"rslora": (fixture("smollm2-all-r8-rslora/checkpoint-80"), 1.0)},
      [29], [0, 4, 8], [0, 16], True, MODULES)
