"""Make goldens.json: the measures of package analyze by independent means.

    python make_goldens.py ../../../shared/fixtures > goldens.json

States come from a fixed generator and from the reference states of real
models (fixtures/reference: stories260K and SmolLM2-135M). The small states
stand in the file; the large ones are read again by the test from the fixtures.

Everything here starts from the states, in float64, with the plainest call of
numpy, scipy and scikit-learn: singular values come from the SVD of X (the Go
code has only its Gram matrix), the unbiased HSIC from whole matrices.

Two things about HDBSCAN. scikit-learn sorts the edges of the spanning tree by
an unstable sort, so equal distances come in an order that depends on the
processor; here the sort is made stable. And a root cluster born at a given
distance is no option of scikit-learn: its labels are made with the condensed
tree and the selection of the hdbscan package, the stability of the root
replaced.
"""

import base64
import json
import math
import platform
import sys
import warnings
from importlib import metadata

import numpy as np
import scipy
import sklearn
import sklearn.cluster._hdbscan.hdbscan as sk_hdbscan
from hdbscan import _hdbscan_tree as tree_tools
from safetensors.numpy import load_file
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from sklearn.metrics.pairwise import cosine_similarity

warnings.filterwarnings("ignore")

THRESHOLDS = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
ANGLE_FLOOR = 2.0**-20
ROOT = math.acos(0.9)  # the whole prompt is a candidate cluster from this angle on
SIZE = 3  # min_cluster_size and min_samples of the default


def stable_tree(mst):
    order = np.argsort(mst["distance"], kind="stable")
    return sk_hdbscan.make_single_linkage(mst[order])


sk_hdbscan._process_mst = stable_tree


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def cosines(x):
    c = np.clip(cosine_similarity(x.astype(np.float64)), -1, 1)
    same = (x[:, None, :] == x[None, :, :]).all(-1) & (np.abs(x).sum(1) > 0)[:, None]
    c[same] = 1  # equal tokens, free of rounding
    return (c + c.T) / 2


def angles(c):
    a = np.maximum(np.arccos(c), ANGLE_FLOOR)
    np.fill_diagonal(a, 0)
    return a


def scikit_labels(dist, size, samples, single):
    """Labels of scikit-learn; where it finds one cluster of everything, with
    every point a member (cluster_selection_epsilon far beyond all distances)."""
    def fit(**more):
        return HDBSCAN(min_cluster_size=size, min_samples=samples, metric="precomputed",
                       allow_single_cluster=single, **more).fit(dist.copy()).labels_

    labels = fit()
    if single and set(labels.tolist()) <= {0, -1} and 0 in labels:
        # Without the root, clusters come in pairs: a single one is the root.
        labels = fit(cluster_selection_epsilon=1e9)
    return labels.tolist()


def rooted_labels(dist, size, samples, root):
    n = len(dist)
    core = np.sort(dist, axis=1)[:, samples - 1]
    reach = np.maximum(np.maximum(core[:, None], core[None, :]), dist)
    mst = sk_hdbscan.mst_from_mutual_reachability(reach)
    links = stable_tree(mst)
    links = np.array([[l["left_node"], l["right_node"], l["value"], l["cluster_size"]] for l in links])
    tree = tree_tools.condense_tree(links, size)
    stability = tree_tools.compute_stability(tree)
    of_root = tree["parent"] == n
    stability[n] = (np.maximum(tree["lambda_val"] - 1 / root, 0) * tree["child_size"])[of_root].sum()
    labels = tree_tools.get_clusters(tree, dict(stability), allow_single_cluster=True,
                                     cluster_selection_method="eom")[0]
    without = tree_tools.get_clusters(tree, dict(stability), allow_single_cluster=False,
                                      cluster_selection_method="eom")[0]
    if set(labels.tolist()) <= {0, -1} and labels.max(initial=-1) != without.max(initial=-1):
        leaving = {int(r["child"]): r["lambda_val"] for r in tree if r["child_size"] == 1}
        return [0 if leaving[p] >= 1 / root else -1 for p in range(n)]
    return labels.tolist()


def entropy_rank(s):
    p = s / s.sum()
    p = p[p > 0]
    return math.exp(-(p * np.log(p)).sum())


def measures(x):
    x64 = x.astype(np.float64)
    t = len(x)
    c = cosines(x)
    pairs = c[np.triu_indices(t, 1)]
    centred = x64 - x64.mean(0)
    s, sc = (np.linalg.svd(m, compute_uv=False) for m in (x64, centred))
    norms = np.linalg.norm(x64, axis=1)
    out = {
        "cosine_mean": pairs.mean(),
        "cosine_mean_paper": cosine_similarity(x64).mean(),
        "cosine_mean_centred": cosine_similarity(centred)[np.triu_indices(t, 1)].mean(),
        "effective_rank": entropy_rank(s),
        "effective_rank_centred": entropy_rank(sc),
        "participation_ratio": (s**2).sum() ** 2 / (s**4).sum(),
        "participation_ratio_centred": (sc**2).sum() ** 2 / (sc**4).sum(),
        "stable_rank": (s**2).sum() / s[0] ** 2,
        "anisotropy": sc[0] ** 2 / (sc**2).sum(),
        "spread": (sc**2).sum() / (s**2).sum(),
        "norm_mean": norms.mean(),
        "norm_max": norms.max(),
    }
    for q, v in zip(LEVELS, np.quantile(pairs, LEVELS)):
        out[f"cosine_q{100 * q:02.0f}"] = v
    for tau in THRESHOLDS:
        out[f"cosine_above_{tau:g}"] = (pairs >= tau).mean()
        out[f"components_{tau:g}"] = connected_components(c >= tau, directed=False)[0]
    labels = rooted_labels(angles(c), SIZE, SIZE, ROOT)
    out["clusters"] = len(set(labels) - {-1})
    out["noise_share"] = labels.count(-1) / t
    out["largest_cluster_share"] = max([labels.count(l) for l in set(labels) - {-1}], default=0) / t
    return {k: float(v) for k, v in out.items()}, labels, np.histogram(pairs, 100, (-1, 1))[0].tolist()


def case(name, x, **source):
    values, labels, counts = measures(x)
    c = cosines(x)
    a = angles(c)
    variants = [
        {"size": size, "samples": samples, "single": single, "labels": scikit_labels(a, size, samples, single)}
        for size, samples in ((2, 2), (3, 3), (5, 5), (5, 1), (4, 2))
        for single in (False, True)
    ]
    if not source:
        source = {"x": b64(x.astype("<f4"))}
    return {"name": name, "t": x.shape[0], "d": x.shape[1], **source, "measures": values,
            "labels": labels, "histogram": counts, "hdbscan": variants,
            "components_0.7": connected_components(c >= 0.7, directed=False)[1].tolist()}


def unbiased_hsic(k, l):
    n = len(k)
    k, l = k.copy(), l.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(n)
    return (np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def cka(x, y):
    x, y = (m.astype(np.float64) - m.astype(np.float64).mean(0) for m in (x, y))
    k, l = x @ x.T, y @ y.T
    return float(unbiased_hsic(k, l) / math.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l)))


def comparison(name, x, y, **source):
    lx, ly = (rooted_labels(angles(cosines(m)), SIZE, SIZE, ROOT) for m in (x, y))
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    drift = np.linalg.norm(y64 - x64, axis=1) / np.linalg.norm(x64, axis=1)
    return {"name": name, "t": x.shape[0], "d": x.shape[1], **source, "measures": {
        "drift": float(drift.mean()), "drift_max": float(drift.max()), "cka_base": cka(x, y),
        "ami_base": float(adjusted_mutual_info_score(lx, ly)), "ari_base": float(adjusted_rand_score(lx, ly))}}


def partitions(rng):
    out = []
    shapes = [(1, 1, 5), (1, 4, 30), (30, 30, 30), (2, 2, 50), (7, 9, 200), (40, 35, 200), (3, 60, 120)]
    for i, (ka, kb, n) in enumerate(shapes):
        a = rng.integers(-1, ka - 1, n) if ka < n else np.arange(n)
        b = rng.integers(-1, kb - 1, n) if kb < n else rng.permutation(n)
        if i % 2:
            b = np.where(rng.random(n) < 0.6, a, b)
        out.append((a, b))
    return [{"a": a.tolist(), "b": b.tolist(), "ami": float(adjusted_mutual_info_score(a, b)),
             "ari": float(adjusted_rand_score(a, b))} for a, b in out]


def synthetic(rng):
    def groups(t, d, k, noise, offset):
        centres = rng.normal(size=(k, d)) + offset * rng.normal(size=d)
        return (centres[np.arange(t) % k] + noise * rng.normal(size=(t, d))).astype(np.float32)

    sink = groups(50, 24, 4, 0.4, 1.0)
    sink[0] = 0
    sink[0, 7] = 4000
    repeats = groups(40, 16, 9, 0.5, 0.3)[rng.integers(0, 14, 40)]
    zero = groups(24, 12, 3, 0.5, 0.5)
    zero[5] = 0
    return [
        ("unrelated", rng.normal(size=(40, 48)).astype(np.float32)),
        ("three groups", groups(45, 32, 3, 0.3, 0.5)),
        ("one tight group", groups(36, 20, 1, 0.05, 3.0)),
        ("more tokens than dimensions", groups(60, 6, 5, 0.4, 0.5)),
        ("sink", sink),
        ("repeated tokens", repeats),
        ("a zero token", zero),
        ("small scale", (groups(30, 10, 3, 0.4, 0.5) * 1e-12).astype(np.float32)),
    ]


def main(fixtures):
    rng = np.random.default_rng(20240224)
    reference = f"{fixtures}/reference"
    cases = [case(name, x) for name, x in synthetic(rng)]
    stories = load_file(f"{reference}/stories260K/base/prompt-1.safetensors")
    for layer in (0, 3):
        cases.append(case(f"stories260K prompt-1 layer {layer}", stories["hidden_states"][layer]))

    def read(path, tensor, layer):
        x = load_file(f"{reference}/{path}")[tensor]
        return x if layer is None else x[layer]

    def source(path, tensor, layer, skip):
        return {"file": path, "tensor": tensor, "layer": -1 if layer is None else layer, "skip": skip}

    smol, long = "smollm2-135m/base/prompt-2.safetensors", "stories260K/base/prompt-2.safetensors"
    for path, tensor, layer, skip in [
        (smol, "hidden_states", 0, 1), (smol, "hidden_states", 6, 1), (smol, "hidden_states", 15, 0),
        (smol, "hidden_states", 15, 1), (smol, "hidden_states", 27, 1), (smol, "hidden_states", 30, 1),
        (smol, "last_block_output", None, 1), (long, "hidden_states", 0, 1), (long, "hidden_states", 5, 1),
    ]:
        x = read(path, tensor, layer)[skip:]
        cases.append(case(f"{path} {tensor} {layer} from {skip}", x, **source(path, tensor, layer, skip)))

    comparisons = []
    base = "smollm2-135m/base/prompt-1.safetensors"
    for adapter in ("smollm2-v-r2@checkpoint-200", "smollm2-all-r8-rslora@checkpoint-80"):
        for layer in (2, 16, 30):
            other = f"smollm2-135m/{adapter}/prompt-1.safetensors"
            x, y = (read(p, "hidden_states", layer)[1:] for p in (base, other))
            comparisons.append(comparison(f"{adapter} layer {layer}", x, y, file=base, other=other,
                                          tensor="hidden_states", layer=layer, skip=1))
    x, y = rng.normal(size=(2, 30, 200)).astype(np.float32)
    comparisons.append(comparison("unrelated states", x, y, base=b64(x), adapted=b64(y)))
    y = (x + 0.3 * rng.normal(size=x.shape)).astype(np.float32)
    comparisons.append(comparison("perturbed state", x, y, base=b64(x), adapted=b64(y)))

    json.dump({
        "made_by": "analyze/testdata/make_goldens.py",
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                     "scikit-learn": sklearn.__version__, "hdbscan": metadata.version("hdbscan")},
        "states": cases, "comparisons": comparisons, "partitions": partitions(rng),
    }, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main(sys.argv[1])
