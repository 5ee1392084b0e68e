#!/usr/bin/env python3
"""Makes internal/testmodel/testdata: two random Llama models, nine PEFT adapters, and what
transformers and PEFT say their states are.

    python3 make_goldens.py            # rewrites testdata beside this script

Made with the versions that testdata/manifest.json records ("made_with"); every seed is
fixed, and a second run with the same versions gives the same bytes.

The references are float64. model.double() alone is not: transformers computes the RMSNorm,
the rotary angles and the eager softmax in float32 whatever the model's dtype. So the norm
and the angles are replaced here (exact_norm, exact_rotary), and attention runs through
torch's SDPA, which keeps the dtype of its inputs. To show that this is still the model of
transformers and PEFT, each case is run once more unchanged, in float32 with eager
attention; the worst relative difference of a token is the case's "hf_float32".
"""
import copy
import json
import math
import pathlib
import shutil
import types

import numpy
import peft
import safetensors
import torch
import transformers
from safetensors.torch import save_file
from transformers.models.llama.modeling_llama import LlamaRMSNorm

OUT = pathlib.Path(__file__).resolve().parent / "testdata"

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# Small enough for the tree, odd enough that a wrong width cannot go unseen: in "untied"
# heads * head_dim (48) is not the hidden size (32), and its epsilon is large enough to see.
COMMON = dict(vocab_size=160, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=512, bos_token_id=1, eos_token_id=2)
MODELS = {
    "tied": dict(COMMON, intermediate_size=80, rms_norm_eps=1e-6, tie_word_embeddings=True,
                 rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "untied": dict(COMMON, intermediate_size=72, rms_norm_eps=1e-3, tie_word_embeddings=False, head_dim=12,
                   attention_bias=True, mlp_bias=True,
                   rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 500000.0}),
}

# name: (model, arguments of LoraConfig, fields of the saved adapter_config.json to put in
# place of what PEFT wrote, since it expands all-linear and sorts the patterns when saving)
ADAPTERS = {
    "plain": ("tied", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]), {}),
    "rslora": ("tied", dict(r=6, lora_alpha=3, target_modules=["o_proj", "gate_proj", "up_proj", "down_proj"], use_rslora=True), {}),
    # Patterns overlap on q_proj of layer 1: PEFT takes the first that matches in the file's
    # order, which here is neither the most specific nor the first by name.
    "patterns": ("tied", dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"],
                              rank_pattern={"v_proj": 7, "layers.0.mlp.down_proj": 2},
                              alpha_pattern={"q_proj": 3, "layers.1.self_attn.q_proj": 20, r"layers\.\d\.mlp\.down_proj": 5}),
                 dict(alpha_pattern={"q_proj": 3, "layers.1.self_attn.q_proj": 20, r"layers\.\d\.mlp\.down_proj": 5})),
    "regex": ("tied", dict(r=3, lora_alpha=6, target_modules=r".*\.layers\.\d+\.(self_attn\.v_proj|mlp\.(gate|down)_proj)"), {}),
    "layers": ("tied", dict(r=4, lora_alpha=8, target_modules=["k_proj", "v_proj"], layers_to_transform=[1]), {}),
    "dora": ("tied", dict(r=4, lora_alpha=8, target_modules=ALL, use_dora=True, use_rslora=True), {}),
    "all-linear": ("untied", dict(r=2, lora_alpha=4, target_modules="all-linear"), dict(target_modules="all-linear")),
    "dora-bias": ("untied", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"], use_dora=True), {}),
    "exclude": ("untied", dict(r=4, lora_alpha=4, target_modules=ALL, exclude_modules=["k_proj", "layers.0.mlp.down_proj"]), {}),
}

# (model, adapter, scale, repeats of the block stack, prompt, sites beside resid)
CASES = [
    ("tied", "", 1, 1, "long", []),
    ("tied", "", 1, 1, "short", []),
    ("tied", "", 1, 2, "medium", ["attn", "mlp"]),
    ("tied", "plain", 1, 1, "long", []),
    ("tied", "plain", 0.5, 1, "medium", []),
    ("tied", "plain", 1, 2, "medium", []),
    ("tied", "rslora", 1, 1, "medium", ["attn", "mlp"]),
    ("tied", "patterns", 1, 1, "medium", []),
    ("tied", "patterns", -1, 1, "medium", []),
    ("tied", "regex", 1, 1, "medium", []),
    ("tied", "layers", 1, 1, "medium", []),
    ("tied", "dora", 1, 1, "medium", []),
    ("untied", "", 1, 1, "long", []),
    ("untied", "", 1, 1, "short", []),
    ("untied", "all-linear", 1, 1, "medium", ["attn", "mlp"]),
    ("untied", "dora-bias", 1, 1, "long", []),
    ("untied", "dora-bias", 0.5, 1, "medium", []),
    ("untied", "dora-bias", 1, 2, "medium", []),
    ("untied", "exclude", 1, 1, "medium", []),
]


def main():
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # the order of every sum is fixed
    for folder in ("models", "adapters", "states"):
        shutil.rmtree(OUT / folder, ignore_errors=True)
    (OUT / "states").mkdir(parents=True)
    for seed, name in enumerate(MODELS):
        write_model(name, seed)
    for seed, name in enumerate(ADAPTERS):
        write_adapter(name, 100 + seed)
    prompts = write_prompts()
    cases = [run_case(case, prompts[case[4]]) for case in CASES]
    made_with = {m.__name__: m.__version__ for m in (torch, transformers, peft, safetensors, numpy)}
    manifest = dict(made_with=made_with, made_by="internal/testmodel/make_goldens.py", prompts=prompts, cases=cases)
    (OUT / "manifest.json").write_text(dump_manifest(manifest))


def write_model(name, seed):
    """A matrix (out, in) is N(0, 1/in), q and k twice that, so that attention is far from uniform and a wrong
    position shows; gains and biases are random, since ones and zeros would hide their being left out."""
    rng = torch.Generator().manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**MODELS[name]))
    with torch.no_grad():
        for key, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=rng)
            if "embed_tokens" in key:
                p.copy_(noise)
            elif p.dim() == 2:
                p.copy_(noise * (2 if "q_proj" in key or "k_proj" in key else 1) / math.sqrt(p.shape[1]))
            elif key.endswith(".bias"):
                p.copy_(0.3 * noise)
            else:
                p.copy_(1 + 0.2 * noise)
    folder = OUT / "models" / name
    if name == "untied":
        model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="24KB")
    else:
        model.save_pretrained(folder)
        old_config(folder / "config.json")
    (folder / "generation_config.json").unlink()


def old_config(path):
    """Rewrites a config.json of transformers 5 in the form of transformers 4, which most published models have."""
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    for key in ("transformers_version", "head_dim"):
        config.pop(key, None)
    config.update(rope_theta=rope["rope_theta"], rope_scaling=None)
    path.write_text(dump(config))


def write_adapter(name, seed):
    """PEFT starts with B = 0; here B is random and as large as makes |dW| about |W|, so no tolerance can hide it."""
    model_name, arguments, replace = ADAPTERS[name]
    model = peft.get_peft_model(load_base(model_name), peft.LoraConfig(task_type="CAUSAL_LM", **copy.deepcopy(arguments)))
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=rng)
            if "lora_A" in key:
                p.copy_(noise / math.sqrt(p.shape[1]))
            elif "lora_B" in key:
                p.copy_(noise / 4)
            elif "lora_magnitude" in key:
                p.mul_(1 + 0.2 * noise)
    folder = OUT / "adapters" / name
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # a set in PEFT: its order is not fixed
    if isinstance(config["exclude_modules"], list):
        config["exclude_modules"].sort()
    config["base_model_name_or_path"] = model_name
    config.update(replace)
    path.write_text(dump(config))


def write_prompts():
    rng = numpy.random.default_rng(7)
    return {name: rng.integers(0, COMMON["vocab_size"], n).tolist() for name, n in (("short", 5), ("medium", 40), ("long", 300))}


def run_case(case, ids):
    model_name, adapter, scale, repeats, prompt, sites = case
    name = model_name + ("+" + adapter if adapter else "") + (f"@{scale}" if scale != 1 else "")
    name += (f"-x{repeats}" if repeats != 1 else "") + f"-{prompt}"
    states, loss = forward(build(case, torch.float64, "sdpa"), ids, sites)
    stock, _ = forward(build(case, torch.float32, "eager"), ids, sites)
    file = {key: value.float().contiguous() for key, value in states.items()}
    file["token_ids"] = torch.tensor(ids)
    save_file(file, OUT / "states" / f"{name}.safetensors")
    noise = max(worst(stock[key], states[key]) for key in states)
    print(f"{name:36s} loss {loss:.6f}  hf_float32 {noise:.1e}")
    return dict(name=name, model=model_name, adapter=adapter, scale=scale, repeat_depth=repeats, prompt=prompt,
                sites=["resid"] + sites, loss=loss, hf_float32=float(f"{noise:.2g}"))


def build(case, dtype, attention):
    """The model of a case: adapter, scale along the line from base to adapted, block stack run several times."""
    model_name, adapter, scale, repeats, _, _ = case
    model = load_base(model_name, attention)
    if adapter:
        model = load_adapter(model, adapter).to(dtype)
        if scale != 1:
            model = on_the_line(load_base(model_name, attention).to(dtype), model, scale)
        else:
            model = model.base_model.model
    model = model.to(dtype).eval()
    stack = model.model.layers
    model.model.layers = torch.nn.ModuleList(copy.deepcopy(layer) for _ in range(repeats) for layer in stack)
    model.config.num_hidden_layers = len(model.model.layers)
    if dtype == torch.float64:
        for module in model.modules():
            if isinstance(module, LlamaRMSNorm):
                module.forward = types.MethodType(exact_norm, module)
        model.model.rotary_emb.forward = types.MethodType(exact_rotary, model.model.rotary_emb)
    return model


def load_base(name, attention="eager"):
    """Weights as stored, widened to float32, which is exact for bfloat16."""
    return transformers.LlamaForCausalLM.from_pretrained(OUT / "models" / name, dtype=torch.float32, attn_implementation=attention)


def load_adapter(model, name):
    """The adapter as its files say it; PEFT only warns when tensors are left out or unused, here that is an error."""
    folder = OUT / "adapters" / name
    adapted = peft.PeftModel.from_pretrained(model, folder)
    with safetensors.safe_open(folder / "adapter_model.safetensors", "pt") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}
    loaded = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    assert stored.keys() == loaded.keys() and all(torch.equal(stored[k], loaded[k]) for k in stored), name
    return adapted


def on_the_line(base, adapted, scale):
    """W + scale (W' - W) for every parameter, W' as PEFT merges it."""
    merged = adapted.merge_and_unload().state_dict()
    with torch.no_grad():
        for key, w in base.state_dict().items():
            w += scale * (merged[key] - w)
    return base


@torch.no_grad()
def forward(model, ids, sites):
    """States in the layout of this project's own files, and the mean next-token loss in nats."""
    layers, kept = model.model.layers, {"attn": [], "mlp": []}
    last = []
    layers[-1].register_forward_hook(lambda _, __, out: last.append(out[0]))
    for layer in layers:
        layer.self_attn.register_forward_hook(lambda _, __, out: kept["attn"].append(out[0][0]))
        layer.mlp.register_forward_hook(lambda _, __, out: kept["mlp"].append(out[0]))
    x = torch.tensor([ids])
    out = model(x, output_hidden_states=True, use_cache=False)
    states = {"hidden_states": torch.cat(out.hidden_states), "last_block_output": last[0]}
    assert states["hidden_states"].shape == (len(layers) + 1, len(ids), model.config.hidden_size)
    assert states["last_block_output"].shape == (len(ids), model.config.hidden_size)
    for site in sites:
        states[site] = torch.stack(kept[site])
    loss = torch.nn.functional.cross_entropy(out.logits[0, :-1], x[0, 1:])
    return states, loss.item()


def exact_norm(self, x):
    """LlamaRMSNorm.forward without its cast to float32."""
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


def exact_rotary(self, x, position_ids):
    """LlamaRotaryEmbedding.forward with frequencies and angles in the dtype of x; rope_type default and linear."""
    rope, width = self.config.rope_parameters, 2 * len(self.inv_freq)
    inverse = rope["rope_theta"] ** (-torch.arange(0, width, 2, dtype=x.dtype) / width) / rope.get("factor", 1.0)
    angles = position_ids[..., None].to(x.dtype) * inverse
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def worst(got, want):
    """The largest norm of a token's difference over the norm of the reference token."""
    return ((got.double() - want.double()).norm(dim=-1) / want.double().norm(dim=-1)).max().item()


def dump(config):
    return json.dumps(config, indent=2) + "\n"


def dump_manifest(manifest):
    """One line a case and a prompt, so that a change of one shows as one line."""
    rows = lambda items: "\n  " + ",\n  ".join(items) + "\n "
    prompts = rows(f"{json.dumps(name)}: {json.dumps(ids)}" for name, ids in manifest["prompts"].items())
    cases = rows(json.dumps(case) for case in manifest["cases"])
    head = "".join(f" {json.dumps(key)}: {json.dumps(manifest[key])},\n" for key in ("made_by", "made_with"))
    return "{\n" + head + f' "prompts": {{{prompts}}},\n "cases": [{cases}]\n}}\n'


if __name__ == "__main__":
    main()
