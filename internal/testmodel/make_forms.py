#!/usr/bin/env python3
"""Makes internal/testmodel/testdata/forms: small random models of every model_type and rotary scaling, an adapter of
every form that PEFT saves, fully fine-tuned variants, and what transformers and PEFT say their states are.

    python3 make_forms.py            # rewrites testdata/forms beside this script

Made with the versions that testdata/forms/manifest.json records; every seed is fixed. How the references are float64
is told in make_goldens.py. Here the rotary frequencies and angles stay in float32, as the model has them, and only
cosine and sine are float64: the scalings differ in their frequencies, which are thus transformers' own to the bit.

Adapters are run as PeftModel runs them, not merged: merging an adapter of an embedding changes a head that is tied to
it, which running does not. A scale s is W + s (W' - W) for every parameter, where W' is read off the running modules:
a linear map applied to the unit vectors, an embedding to every token.
"""
import copy
import json
import math
import pathlib
import shutil
import types
import warnings

import numpy
import peft
import safetensors
import torch
import transformers
from safetensors.torch import save_file

from make_goldens import dump, dump_manifest, exact_norm, worst

OUT = pathlib.Path(__file__).resolve().parent / "testdata" / "forms"

# Heads * head_dim (32) is not the hidden size, and the projections differ in width.
COMMON = dict(vocab_size=96, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
              head_dim=16, max_position_embeddings=512, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2)


def rope(**fields):
    return dict({"rope_theta": 10000.0}, **fields)


# name: (model_type, dtype, fields of the configuration)
MODELS = {
    "tied": ("llama", "bfloat16", dict(tie_word_embeddings=True)),
    "biased": ("llama", "bfloat16", dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-3)),
    # Prompts of 60 tokens go beyond the 24 positions of these.
    "dynamic": ("llama", "bfloat16", dict(max_position_embeddings=24, rope_parameters=rope(rope_type="dynamic", factor=4.0))),
    "llama3": ("llama", "bfloat16", dict(max_position_embeddings=96, rope_parameters=rope(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=24))),
    "yarn": ("llama", "bfloat16", dict(max_position_embeddings=96, rope_parameters=rope(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=24, beta_fast=6.0, beta_slow=0.5))),
    "yarn-mscale": ("llama", "bfloat16", dict(max_position_embeddings=96, rope_parameters=rope(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=24, truncate=False, mscale=1.5, mscale_all_dim=0.5))),
    "mistral": ("mistral", "float16", dict(sliding_window=9)),
    "qwen2": ("qwen2", "bfloat16", dict(tie_word_embeddings=True, use_sliding_window=True, sliding_window=12, max_window_layers=1,
                                        max_position_embeddings=96, bos_token_id=None, rope_parameters=rope(
                                            rope_type="yarn", factor=4.0, original_max_position_embeddings=24))),
    "qwen3": ("qwen3", "float16", dict(rope_parameters=rope(rope_theta=1e6))),
    "qwen3-window": ("qwen3", "bfloat16", dict(attention_bias=True, use_sliding_window=True, sliding_window=7,
                                               layer_types=["sliding_attention", "full_attention"])),
    # Fine-tuned from biased, with tokens of its own and another context; and from tied, with its head untied.
    "tuned": ("llama", "bfloat16", dict(attention_bias=True, mlp_bias=True, rms_norm_eps=1e-4, vocab_size=99,
                                        rope_parameters=rope(rope_theta=250000.0))),
    "tuned-line": ("llama", "float16", dict()),
}
TUNED_FROM = {"tuned": "biased", "tuned-line": "tied"}

# name: (model, arguments of LoraConfig)
ADAPTERS = {
    "embed": ("tied", dict(r=4, lora_alpha=4, target_modules=["embed_tokens", "q_proj"])),
    "embed-ensured": ("tied", dict(r=4, lora_alpha=4, target_modules=["embed_tokens", "v_proj"], ensure_weight_tying=True)),
    "embed-dora": ("biased", dict(r=3, lora_alpha=3, target_modules=["embed_tokens", "v_proj"], use_dora=True)),
    "head": ("tied", dict(r=4, lora_alpha=4, target_modules=["lm_head", "q_proj"])),
    "head-dora": ("biased", dict(r=4, lora_alpha=2, target_modules=["lm_head", "up_proj"], use_dora=True, use_rslora=True)),
    "head-bias": ("biased", dict(r=2, lora_alpha=2, target_modules=["lm_head", "k_proj"], lora_bias=True)),
    "saved-norm": ("biased", dict(r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["norm"])),
    "saved-last-norm": ("biased", dict(r=2, lora_alpha=4, target_modules=["v_proj"], layers_to_transform=[1], modules_to_save=["model.norm"])),
    "saved-embed": ("tied", dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["embed_tokens"])),
    "saved-embed-ensured": ("tied", dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["embed_tokens"], ensure_weight_tying=True)),
    "saved-both": ("biased", dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["embed_tokens", "lm_head"])),
    "saved-mlp": ("biased", dict(r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"], modules_to_save=["mlp"])),
    "bias-all": ("biased", dict(r=2, lora_alpha=4, target_modules=["q_proj"], bias="all")),
    "bias-lora-only": ("biased", dict(r=2, lora_alpha=4, target_modules=["k_proj", "down_proj"], bias="lora_only")),
    "lora-bias": ("biased", dict(r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"], lora_bias=True, bias="all")),
    "lora-bias-bare": ("tied", dict(r=2, lora_alpha=4, target_modules=["v_proj", "down_proj"], lora_bias=True)),
    "tokens": ("tied", dict(r=2, lora_alpha=4, target_modules=["v_proj"], trainable_token_indices=[3, 17, 90])),
    "tokens-apart": ("biased", dict(r=2, lora_alpha=4, target_modules=["v_proj"], trainable_token_indices={"embed_tokens": [3, 17], "lm_head": [5, 17, 95]})),
    "olora": ("tied", dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="olora")),
    "pissa": ("tied", dict(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights="pissa", use_rslora=True)),
    "pissa-dora": ("tied", dict(r=2, lora_alpha=2, target_modules=["o_proj"], init_lora_weights="pissa", use_dora=True)),
    "fan": ("tied", dict(r=2, lora_alpha=4, target_modules=["o_proj"], fan_in_fan_out=True)),
    "mistral": ("mistral", dict(r=2, lora_alpha=4, target_modules="all-linear")),
    "qwen2": ("qwen2", dict(r=2, lora_alpha=4, target_modules=["k_proj", "o_proj"], bias="all")),
    "qwen3": ("qwen3", dict(r=2, lora_alpha=4, target_modules="all-linear", use_dora=True, modules_to_save=["norm"])),
}

# (model, adapter or fine-tuned model, scale)
CASES = [(name, "", 1) for name in MODELS if name not in TUNED_FROM] + [(model, name, 1) for name, (model, _) in ADAPTERS.items()]
CASES += [(ADAPTERS[name][0], name, 0.5) for name in (
    "embed", "embed-dora", "head-dora", "head-bias", "saved-norm", "saved-both", "bias-all", "lora-bias", "lora-bias-bare",
    "tokens-apart", "olora", "pissa-dora", "qwen3")]
CASES += [(ADAPTERS[name][0], name, -1.5) for name in ("embed-ensured", "saved-mlp")]
CASES += [("biased", "tuned", 1), ("tied", "tuned-line", 1), ("tied", "tuned-line", 0.5)]


def main():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    warnings.simplefilter("ignore", peft.utils.warning.PeftWarning)
    warnings.simplefilter("ignore", UserWarning)
    torch.set_num_threads(1)  # the order of every sum is fixed
    if OUT.exists():
        shutil.rmtree(OUT)
    (OUT / "states").mkdir(parents=True)
    for seed, name in enumerate(MODELS):
        write_model(name, 1000 + seed)
    for seed, name in enumerate(ADAPTERS):
        write_adapter(name, 2000 + seed)
    rng = numpy.random.default_rng(11)
    prompts = {name: rng.integers(0, COMMON["vocab_size"], n).tolist() for name, n in (("short", 10), ("medium", 16), ("long", 60))}
    prompts["medium"][4:7] = [17, 3, 90]  # the trainable tokens
    prompts["short"][4:7] = [17, 3, 95]
    cases = [run_case(case, prompts) for case in CASES]
    made_with = {m.__name__: m.__version__ for m in (torch, transformers, peft, safetensors, numpy)}
    manifest = dict(made_with=made_with, made_by="internal/testmodel/make_forms.py", prompts=prompts, cases=cases)
    (OUT / "manifest.json").write_text(dump_manifest(manifest))


def new_model(name):
    kind, _, fields = MODELS[name]
    config = transformers.AutoConfig.for_model(kind, **dict(COMMON, **copy.deepcopy(fields)))
    return transformers.AutoModelForCausalLM.from_config(config)


def write_model(name, seed):
    """Weights as in make_goldens.write_model; a fine-tuned model's are its base's moved by a third of their size."""
    rng = torch.Generator().manual_seed(seed)
    model = new_model(name)
    base = dict(load_base(TUNED_FROM[name]).named_parameters(remove_duplicate=False)) if name in TUNED_FROM else {}
    with torch.no_grad():
        for key, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=rng)
            if key in base:
                w = base[key]
                p.copy_(noise)
                p[: len(w)] = w + noise[: len(w)] * w.std() / 3
            elif "embed_tokens" in key:
                p.copy_(noise)
            elif p.dim() == 2:
                p.copy_(noise * (2 if "q_proj" in key or "k_proj" in key else 1) / math.sqrt(p.shape[1]))
            elif key.endswith(".bias"):
                p.copy_(0.3 * noise)
            else:
                p.copy_(1 + 0.2 * noise)
    folder = OUT / "models" / name
    model.to(getattr(torch, MODELS[name][1])).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def write_adapter(name, seed):
    """Everything that PEFT would train is moved so far that no tolerance can hide its being left out."""
    model_name, arguments = ADAPTERS[name]
    torch.manual_seed(seed)  # PEFT draws the first values of A
    model = peft.get_peft_model(load_base(model_name), peft.LoraConfig(task_type="CAUSAL_LM", **copy.deepcopy(arguments)))
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in model.named_parameters():
            if not p.requires_grad:
                continue
            noise = torch.randn(p.shape, generator=rng)
            size = p.std() if p.numel() > 1 and p.std() > 0 else 1
            p.add_(noise * size * (0.25 if "lora_" in key else 0.4))
    folder = OUT / "adapters" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    for key in ("target_modules", "modules_to_save"):
        if isinstance(config[key], list):
            config[key].sort()  # a set in PEFT: its order is not fixed
    config["base_model_name_or_path"] = model_name
    config["fan_in_fan_out"] = arguments.get("fan_in_fan_out", False)  # PEFT writes what it made of it
    path.write_text(dump(config))


def load_base(name, attention="eager"):
    """Weights as stored, widened to float32, which is exact."""
    return transformers.AutoModelForCausalLM.from_pretrained(OUT / "models" / name, dtype=torch.float32, attn_implementation=attention)


def load_adapter(model, name):
    """The adapter as its files say it; PEFT only warns when tensors are left out or unused, here that is an error."""
    folder = OUT / "adapters" / name
    adapted = peft.PeftModel.from_pretrained(model, folder)
    with safetensors.safe_open(folder / "adapter_model.safetensors", "pt") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}
    loaded = peft.get_peft_model_state_dict(adapted)
    assert stored.keys() == loaded.keys() and all(torch.equal(stored[k], loaded[k]) for k in stored), name
    return adapted.base_model.model


def build(case, dtype, attention):
    """The model of a case, its arithmetic float64 where dtype is."""
    name, change, scale = case
    model = load_base(name, attention)
    if change in TUNED_FROM:
        model = load_base(change, attention)
    elif change:
        model = load_adapter(model, change)
    model = model.to(dtype).eval()
    if scale != 1:
        model = on_the_line(load_base(name, attention).to(dtype).eval(), model, scale)
    if dtype == torch.float64:
        for module in model.modules():
            if type(module).__name__.endswith("RMSNorm"):
                module.forward = types.MethodType(exact_norm, module)
        model.model.rotary_emb.forward = types.MethodType(exact_rotary, model.model.rotary_emb)
    return model


@torch.no_grad()
def on_the_line(base, adapted, scale):
    """W + scale (W' - W) for every parameter, W' as the running modules of adapted have it."""
    modules = dict(base.named_modules())
    dtype = base.lm_head.weight.dtype
    for path, module in modules.items():
        kind = type(module).__name__
        if kind == "Linear":
            running = adapted.get_submodule(path)
            bias = running(torch.zeros(1, module.in_features, dtype=dtype))[0]
            weight = (running(torch.eye(module.in_features, dtype=dtype)) - bias).T
            old = module.bias if module.bias is not None else torch.zeros(module.out_features, dtype=dtype)
            new = torch.nn.Linear(module.in_features, module.out_features, bias=True, dtype=dtype)
            new.bias.copy_(old + scale * (bias - old))
        elif kind == "Embedding":
            weight = adapted.get_submodule(path)(torch.arange(module.num_embeddings))
            new = torch.nn.Embedding(module.num_embeddings, module.embedding_dim, dtype=dtype)
        elif kind.endswith("RMSNorm"):
            weight, new = adapted.get_submodule(path).weight, copy.deepcopy(module)
        else:
            continue
        new.weight.copy_(module.weight + scale * (weight - module.weight))
        parent, _, leaf = path.rpartition(".")
        setattr(base.get_submodule(parent), leaf, new)
    return base


def run_case(case, prompts):
    name, change, scale = case
    prompt = "long" if not change else "medium" if scale == 1 else "short"
    ids = prompts[prompt]
    label = name + ("+" + change if change else "") + (f"@{scale}" if scale != 1 else "")
    states, loss = forward(build(case, torch.float64, "sdpa"), ids)
    stock, _ = forward(build(case, torch.float32, "eager"), ids)
    file = {key: value.float().contiguous() for key, value in states.items()}
    file["token_ids"] = torch.tensor(ids)
    save_file(file, OUT / "states" / f"{label}.safetensors")
    noise = max(worst(stock[key], states[key]) for key in states)
    print(f"{label:36s} loss {loss:.6f}  hf_float32 {noise:.1e}")
    return dict(name=label, model=name, adapter="" if change in TUNED_FROM else change, variant=change if change in TUNED_FROM else "",
                scale=scale, repeat_depth=1, prompt=prompt, sites=["resid"], loss=loss, hf_float32=float(f"{noise:.2g}"))


@torch.no_grad()
def forward(model, ids):
    """States in the layout of this project's own files, and the mean next-token loss in nats."""
    last = []
    model.model.layers[-1].register_forward_hook(lambda _, __, out: last.append(out[0]))
    x = torch.tensor([ids])
    out = model(x, output_hidden_states=True, use_cache=False)
    states = {"hidden_states": torch.cat(out.hidden_states), "last_block_output": last[0]}
    loss = torch.nn.functional.cross_entropy(out.logits[0, :-1], x[0, 1:])
    return states, loss.item()


def exact_rotary(self, x, position_ids):
    """The rotary embedding's own frequencies and angles, which are float32, with cosine and sine in the dtype of x."""
    type(self).forward(self, x.float(), position_ids)  # recomputes the frequencies of the type "dynamic"
    angles = position_ids[..., None].float() * self.inv_freq.float()
    angles = torch.cat((angles, angles), dim=-1).to(x.dtype)
    return angles.cos() * self.attention_scaling, angles.sin() * self.attention_scaling


if __name__ == "__main__":
    main()
