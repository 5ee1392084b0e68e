"""The tables: what is measured, on what, and which figures are shown.

A table is rows of programs that are run in turn, and columns that say which figure of which
program to show, or which two figures to divide. Rows are built only when they are measured.
"""
import dataclasses
import functools
import typing

import machine
import supplies
from process import Program

LENGTHS = [64, 512, 2048]


@dataclasses.dataclass
class Row:
    label: str
    programs: dict  # of process.Program by the name that columns know it by


@dataclasses.dataclass
class Show:
    """A column: one figure of one program."""
    head: str
    program: str
    figure: str  # of document.FIGURES


@dataclasses.dataclass
class Ratio:
    """A column: the figure of one program over that of another, round by round."""
    head: str
    over: str
    under: str
    figure: str


@dataclasses.dataclass
class Table:
    name: str
    title: str
    note: str
    first: str  # head of the labels' column
    columns: list
    rows: typing.Callable  # of supplies.Store: a list of Row


# The programs. passes is how many forward passes a process makes, of which the best one counts;
# short ones are more easily disturbed by what else the machine does, and cost less.

def default_passes(tokens):
    return 5 if tokens <= 64 else 3 if tokens <= 512 else 2


def ours(store, model, prompts, tokens, passes=None, precision="f32", adapters=(), env=None):
    """The forward pass of layerclust alone."""
    argv = [store.binary("forward"), model, "--prompts", prompts, "--repeat", passes or default_passes(tokens), "--precision", precision]
    return program(store, argv, model, tokens, adapters, env)


def peer(store, model, prompts, tokens, passes=None, dtype="f32", adapters=(), env=None):
    """The forward pass of transformers + PEFT, and a cosine per layer beside it."""
    argv = [store.python(), store.tool("hf_peer.py"), model, "--prompts", prompts, "--repeat", passes or default_passes(tokens), "--dtype", dtype]
    return program(store, argv, model, tokens, adapters, env)


def whole(store, model, prompts, tokens, adapters=()):
    """The main job: forward pass, every measure, the report."""
    argv = [store.binary("layerclust"), "run", model, "--prompts", prompts, "--out", "{out}", "--fresh", "--quiet", "--json"]
    return program(store, argv, model, tokens, adapters, None)


def program(store, argv, model, tokens, adapters, env):
    for adapter in adapters:
        argv += ["--adapter", adapter]
    facts = {"layers": supplies.config(model)["num_hidden_layers"], "tokens": tokens * (1 + len(adapters))}
    return Program([str(arg) for arg in argv], facts, env or {})


def one(store, model, tokens):
    """The arguments of a program that runs one prompt."""
    return store, model, store.prompts(model, 1, tokens), tokens


# The rows of each table.

def layer_rows(store):
    model = store.model(4, "bf16")
    rows = []
    for t in LENGTHS:
        args = one(store, model, t)
        rows.append(Row(f"{t}", {"f32": ours(*args), "peer f32": peer(*args),
                                 "bf16": ours(*args, precision="bf16"), "peer bf16": peer(*args, dtype="bf16")}))
    return rows


def f16_rows(store):
    model = store.model(2, "f16")
    rows = []
    for t in LENGTHS:
        args = one(store, model, t)
        rows.append(Row(f"{t}", {"f32": ours(*args), "peer f32": peer(*args)}))
    return rows


# What torch is held by for each cap on oneDNN. Its float32 products use no AMX, so without that
# it is as it always is.
LIMITS = {
    "AVX512_CORE": {},
    "AVX2": {"DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}


def isa_rows(store):
    model = store.model(4, "bf16")
    rows = []
    for isa, limit in LIMITS.items():
        for t in LENGTHS:
            args = one(store, model, t)
            programs = {"f32": ours(*args, env={"DNNL_MAX_CPU_ISA": isa}), "peer f32": peer(*args)}
            if limit:
                programs["peer held"] = peer(*args, env=limit)
            rows.append(Row(f"{isa}, {t}", programs))
    return rows


def metrics_rows(store):
    model = store.model(4, "bf16")
    rows = []
    for t in LENGTHS:
        args = one(store, model, t)
        rows.append(Row(f"{t}", {"forward": ours(*args, passes=1), "run": whole(*args)}))
    return rows


FULL_PEER_GIB = 15  # transformers holds 13.9 GiB of a 7B model in bf16


def full_rows(store):
    args = one(store, store.model(32, "bf16"), 512)
    rows = [Row("forward pass, f32", {"it": ours(*args, passes=1)}),
            Row("forward pass, bf16", {"it": ours(*args, passes=1, precision="bf16")}),
            Row("layerclust run", {"it": whole(*args)})]
    if machine.available_gib() > FULL_PEER_GIB:
        rows.append(Row("transformers, bf16", {"it": peer(*args, passes=1, dtype="bf16")}))
    else:
        supplies.say(f"full: transformers is left out, it needs {FULL_PEER_GIB} GiB of free memory")
    return rows


def adapters_rows(store):
    model = store.model(4, "bf16")
    rows = []
    for t in [64, 512]:
        mine, theirs = few_passes(ours, store, model, t), few_passes(peer, store, model, t)
        for n in [1, 2, 4, 8, 16]:
            folders = [store.adapter(model, k) for k in range(n)]
            programs = {"base": mine(), "adapters": mine(adapters=folders)}
            if n == 4:
                programs |= {"peer base": theirs(), "peer adapters": theirs(adapters=folders)}
            rows.append(Row(f"{t}, {n}", programs))
    return rows


def few_passes(program, store, model, tokens):
    """A program that makes two passes: with 16 adapters, one is 17 forward passes."""
    return functools.partial(program, *one(store, model, tokens), passes=2)


def scales_rows(store):
    model = store.model(4, "bf16")
    folder = store.adapter(model, 0)
    rows = []
    for t in [64, 512]:
        mine = few_passes(ours, store, model, t)
        for n in [1, 2, 4, 8]:
            added = [f"s{k}={folder}@{0.25 * k}" for k in range(1, n + 1)]
            rows.append(Row(f"{t}, {n}", {"base": mine(), "scales": mine(adapters=added)}))
    return rows


def upper_rows(store):
    model = store.model(4, "bf16")
    every, upper = store.adapter(model, 0), store.adapter(model, 0, upper=True)
    rows = []
    for t in [64, 512]:
        mine = few_passes(ours, store, model, t)
        rows.append(Row(f"{t}", {"base": mine(), "all": mine(adapters=[every]), "upper": mine(adapters=[upper])}))
    return rows


def smollm2_rows(store):
    args = one(store, store.smollm2(), 256)
    folders = [store.trained_adapter(name) for name in ("smollm2-v-r2/checkpoint-200", "smollm2-all-r8-rslora/checkpoint-80")]
    rows = []
    for label, added in (("base", []), ("base + 2 adapters", folders)):
        rows.append(Row(label, {"run": whole(*args, adapters=added), "forward": ours(*args, passes=1, adapters=added),
                                "peer": peer(*args, passes=1, adapters=added)}))
    return rows


def prompts_rows(store):
    model, t = store.smollm2(), 32
    rows = []
    for n in [1, 10, 100, 1000]:
        args = (store, model, store.prompts(model, n, t), n * t)
        times = 1 if n == 1000 else 3
        rows.append(Row(f"{n}", {"forward": ours(*args, passes=times), "run": whole(*args), "peer": peer(*args, passes=times)}))
    return rows


def tokens_rows(store):
    model = store.model(2, "bf16")
    rows = []
    for t in [64, 128, 256, 512, 1024, 2048, 4096]:
        args = one(store, model, t)
        rows.append(Row(f"{t}", {"f32": ours(*args), "bf16": ours(*args, precision="bf16")}))
    return rows


def layers_rows(store):
    rows = []
    for t in [64, 512]:
        for n in [1, 2, 4]:
            rows.append(Row(f"{t}, {n}", {"f32": ours(*one(store, store.model(n, "bf16"), t))}))
    return rows


SIDE_BY_SIDE = [Show("ours f32", "f32", "layer_ms"), Show("transformers f32", "peer f32", "layer_ms"),
                Ratio("ratio", "f32", "peer f32", "layer_ms")]

LAYER = Table("layer", "A layer of a 7B model", """\
Random weights in the shapes of Llama-2-7B, bf16, 4 layers; milliseconds a layer, all hidden
states, no measures. Ours f32 is float32 accuracy, ours bf16 is `--precision bf16`.""",
    "tokens", [
        *SIDE_BY_SIDE,
        Show("ours bf16", "bf16", "layer_ms"),
        Show("transformers bf16", "peer bf16", "layer_ms"),
        Ratio("ratio", "bf16", "peer bf16", "layer_ms"),
    ], layer_rows)

F16 = Table("f16", "F16 weights", """\
The same shapes with F16 weights, Llama-2's own type, 2 layers; transformers loads them as float32.
Milliseconds a layer.""", "tokens", SIDE_BY_SIDE, f16_rows)

HELD = Table("isa", "Without AMX", """\
The table of a layer again with our products held to AVX-512 or AVX2 (`DNNL_MAX_CPU_ISA`; loops beside
them may keep their instructions), against transformers f32 as it is and held to AVX2 as well
(`ATEN_CPU_CAPABILITY`, `MKL_ENABLE_INSTRUCTIONS`). Milliseconds a layer.""",
    "held to, tokens", [
        *SIDE_BY_SIDE,
        Show("transformers f32, held", "peer held", "layer_ms"),
        Ratio("ratio", "f32", "peer held", "layer_ms"),
    ], isa_rows)

METRICS = Table("metrics", "The cost of the measures", """\
The forward pass alone against the main job, `layerclust run`, with its parts; some measures are taken
during its forward pass, and the SHA-256 of every model file beside it, which the report's time may wait
for. 4 layers of the 7B shapes, one pass a process; seconds.""",
    "tokens", [
        Show("forward pass alone", "forward", "forward_s"),
        Show("run: forward", "run", "forward_s"),
        Show("run: measures", "run", "analyze_s"),
        Show("run: report", "run", "report_s"),
        Ratio("run / forward alone, whole process", "run", "forward", "wall_s"),
    ], metrics_rows)

FULL = Table("full", "A whole 7B model", """\
All 32 layers, a checkpoint of 13.5 GB, 512 tokens, one pass, whole processes. The checkpoint comes from
the disk or from the page cache, whichever has it: the first process may find it cold.""",
    "program", [
        Show("wall s", "it", "wall_s"),
        Show("forward s", "it", "forward_s"),
        Show("ms a layer", "it", "layer_ms"),
        Show("private GiB", "it", "anon_gib"),
        Show("resident GiB", "it", "resident_gib"),
    ], full_rows)

ADAPTERS = Table("adapters", "Adapters", """\
The forward pass of the base with random adapters (v_proj, r 2, every layer, B not zero) against that of
the base alone; 4 layers of the 7B shapes, f32, seconds.""",
    "tokens, adapters", [
        Show("base", "base", "forward_s"),
        Show("with adapters", "adapters", "forward_s"),
        Ratio("over base", "adapters", "base", "forward_s"),
        Show("transformers + PEFT", "peer adapters", "forward_s"),
        Ratio("over its base", "peer adapters", "peer base", "forward_s"),
        Ratio("ours / theirs", "adapters", "peer adapters", "forward_s"),
    ], adapters_rows)

SCALES = Table("scales", "Scales of one adapter", """\
One such adapter at scales 0.25, 0.5 and so on, against the base alone; seconds.""",
    "tokens, scales", [
        Show("base", "base", "forward_s"),
        Show("with scales", "scales", "forward_s"),
        Ratio("over base", "scales", "base", "forward_s"),
    ], scales_rows)

UPPER = Table("upper", "An adapter of the upper half", """\
An adapter on the upper half of the layers (`layers_to_transform`) against the same kind on all of them;
below its first layer the base's states serve for both. Seconds.""",
    "tokens", [
        Show("base", "base", "forward_s"),
        Show("all layers", "all", "forward_s"),
        Show("upper half", "upper", "forward_s"),
        Ratio("all / base", "all", "base", "forward_s"),
        Ratio("upper / base", "upper", "base", "forward_s"),
    ], upper_rows)

SMOLLM2 = Table("smollm2", "SmolLM2-135M, whole process", """\
256 tokens; trained adapters (v_proj r 2, and all projections r 8 rsLoRA). `layerclust run` takes every
measure and writes the report; the peer's process takes a mean cosine per layer and writes nothing.""",
    "variants", [
        Show("run, wall s", "run", "wall_s"),
        Show("transformers + PEFT, wall s", "peer", "wall_s"),
        Ratio("ratio", "run", "peer", "wall_s"),
        Show("forward s", "forward", "forward_s"),
        Show("their forward s", "peer", "forward_s"),
        Ratio("ratio", "forward", "peer", "forward_s"),
        Show("run, private GiB", "run", "anon_gib"),
        Show("theirs", "peer", "anon_gib"),
        Show("run, resident GiB", "run", "resident_gib"),
        Show("theirs", "peer", "resident_gib"),
    ], smollm2_rows)

PROMPTS = Table("prompts", "Many prompts", """\
Prompts of 32 tokens on SmolLM2-135M, f32: tokens a second of the forward pass alone, and of the whole
process of `layerclust run`, measures and report included; private memory in GiB.""",
    "prompts", [
        Show("forward, tokens/s", "forward", "forward_tokens_per_s"),
        Show("transformers, tokens/s", "peer", "forward_tokens_per_s"),
        Ratio("time, ours / theirs", "forward", "peer", "forward_s"),
        Show("run, tokens/s", "run", "wall_tokens_per_s"),
        Show("forward GiB", "forward", "anon_gib"),
        Show("transformers GiB", "peer", "anon_gib"),
        Show("run GiB", "run", "anon_gib"),
    ], prompts_rows)

TOKENS = Table("tokens", "Cost against tokens", """\
2 layers of the 7B shapes; the time of a token is that of one layer.""",
    "tokens", [
        Show("f32, ms a layer", "f32", "layer_ms"),
        Show("f32, µs a token", "f32", "token_us"),
        Show("bf16, ms a layer", "bf16", "layer_ms"),
        Show("f32, private GiB", "f32", "anon_gib"),
        Show("bf16, private GiB", "bf16", "anon_gib"),
    ], tokens_rows)

LAYERS = Table("layers", "Cost against layers", """\
The 7B shapes, f32.""",
    "tokens, layers", [
        Show("forward s", "f32", "forward_s"),
        Show("ms a layer", "f32", "layer_ms"),
        Show("private GiB", "f32", "anon_gib"),
    ], layers_rows)

# In the order in which they are measured and shown.
ALL = {table.name: table for table in [LAYER, F16, HELD, METRICS, FULL, ADAPTERS, SCALES, UPPER, SMOLLM2, PROMPTS, TOKENS, LAYERS]}
