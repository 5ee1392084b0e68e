"""Makes the golden files of package loader's tests, in this folder.

Run with safetensors 0.8, torch 2.15, transformers 5.23 and peft 0.21.2 (the
versions used are written into targets.json):

    python3 make_goldens.py

written.safetensors  what Python's safetensors writes for three small tensors:
                     loader's writer must give the same bytes.
dtypes.safetensors   F16 and BF16 tensors and torch's float32 values of them.
targets.json         which modules of a 12-layer Llama PEFT puts LoRA on, with
                     which rank and scale, for a list of adapter configurations.
configs.json         what transformers' configuration classes make of a list of config.json.
"""

import json
import pathlib

import peft
import safetensors
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import CONFIG_MAPPING, LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

HERE = pathlib.Path(__file__).parent


def written():
    tensors = {
        "token_ids": torch.tensor([1, -2, 2**40], dtype=torch.int64),
        "hidden_states": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7,
        "a <b> & c": torch.tensor([0.5], dtype=torch.float32),
    }
    save_file(tensors, HERE / "written.safetensors", {"format": "pt"})


def dtypes():
    halves = torch.tensor(
        [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x8001, 0x3C00, 0x3555, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00],
        dtype=torch.uint16,
    ).view(torch.float16)
    bfloats = torch.tensor(
        [0x0000, 0x8000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x3FAB, 0x7F7F, 0xFF7F, 0x7F80, 0xFF80],
        dtype=torch.uint16,
    ).view(torch.bfloat16)
    tensors = {"f16": halves, "f16_as_f32": halves.float(), "bf16": bfloats, "bf16_as_f32": bfloats.float()}
    save_file(tensors, HERE / "dtypes.safetensors")


CASES = {
    "list": dict(target_modules=["v_proj"]),
    "paths": dict(target_modules=["self_attn.q_proj", "model.layers.11.mlp.up_proj"]),
    "default": dict(),
    "all_linear": dict(target_modules="all-linear"),
    "all_linear_case": dict(target_modules="ALL-Linear"),
    "regex": dict(target_modules=r".*\.layers\.(1|2)\.self_attn\.[qk]_proj"),
    "regex_alternatives": dict(target_modules=r"model\.layers\.1\.mlp\.up_proj|model\.layers\.\d\.self_attn\.o_proj"),
    "exclude_list": dict(target_modules=["q_proj", "v_proj"], exclude_modules=["layers.0.self_attn.q_proj", "v_proj"]),
    "exclude_regex": dict(target_modules="all-linear", exclude_modules=r".*(mlp|[qko]_proj).*"),
    "layers": dict(target_modules=["v_proj", "o_proj"], layers_to_transform=[1, 11]),
    "layer": dict(target_modules=["v_proj"], layers_to_transform=1),
    "no_layers": dict(target_modules=["v_proj"], layers_to_transform=[]),
    "layers_pattern": dict(target_modules=["v_proj"], layers_to_transform=[2], layers_pattern="layers"),
    "layers_patterns": dict(target_modules=["v_proj"], layers_to_transform=[2, 3], layers_pattern=["blocks", "lay.*"]),
    "layers_pattern_inside_a_name": dict(
        target_modules=["v_proj", "model.layers.0.mlp.up_proj"], layers_to_transform=[2], layers_pattern="ayers"
    ),
    "layers_whole_path": dict(target_modules=["model.layers.4.mlp.up_proj", "k_proj"], layers_to_transform=[2]),
    "rank_pattern": dict(
        target_modules=["q_proj", "v_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 2, "q_proj": 3, r".*\.1\d\..*": 5},
    ),
    "alpha_pattern": dict(
        target_modules=["q_proj", "v_proj"],
        rank_pattern={"v_proj": 2},
        alpha_pattern={"q_proj|v_proj": 3, "q_proj": 1, "proj": 99},
        use_rslora=True,
    ),
    "partial_names": dict(target_modules=["v_proj"], rank_pattern={"proj": 3, "_proj": 3, ".*v_pro": 3}),
}


def targets():
    config = LlamaConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=12, num_attention_heads=2, vocab_size=8
    )
    cases = []
    for name, fields in CASES.items():
        model = get_peft_model(LlamaForCausalLM(config), LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=16, **fields))
        modules = {}
        for path, module in model.base_model.model.named_modules():
            if hasattr(module, "lora_A") and "default" in module.lora_A:
                modules[path] = {"r": module.r["default"], "scale": module.scaling["default"]}
        document = {"peft_type": "LORA", "r": 4, "lora_alpha": 16, **fields}
        cases.append({"name": name, "config": document, "modules": modules})
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft, safetensors)}
    text = json.dumps({"made_by": "make_goldens.py", "versions": versions, "layers": 12, "cases": cases}, indent=1)
    (HERE / "targets.json").write_text(text + "\n")


CONFIGS = {
    "empty": dict(),
    "theta of version 4": dict(rope_theta=5e5, rope_scaling=None),
    "linear by type": dict(rope_theta=5e5, rope_scaling={"type": "linear", "factor": 4.0}),
    "linear by rope_type": dict(rope_scaling={"rope_type": "linear", "factor": 2}),
    "flat parameters of version 5": dict(rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6}),
    "theta beside the parameters": dict(rope_theta=1e6, rope_parameters={"rope_type": "default"}),
    "heads": dict(hidden_size=96, num_attention_heads=6, num_key_value_heads=2, head_dim=None),
    "wide heads": dict(hidden_size=96, num_attention_heads=6, head_dim=32),
    "no BOS": dict(bos_token_id=None, tie_word_embeddings=True, attention_bias=True, rms_norm_eps=1e-5),
    "dynamic": dict(max_position_embeddings=4096, rope_scaling={"type": "dynamic", "factor": 2.0}),
    "llama3": dict(rope_theta=5e5, max_position_embeddings=131072, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "yarn": dict(max_position_embeddings=131072, rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}),
    "yarn without its origin": dict(max_position_embeddings=4096, rope_scaling={"type": "yarn", "factor": 4.0, "beta_fast": 16, "beta_slow": 2}),
    "yarn with mscale": dict(rope_parameters={"rope_type": "yarn", "factor": 40.0, "rope_theta": 1e4, "original_max_position_embeddings": 4096,
                                              "mscale": 0.707, "mscale_all_dim": 1.0, "truncate": False}),
    "yarn with its factor": dict(rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 512,
                                                  "attention_factor": 0.75, "mscale": 2.0, "mscale_all_dim": 1.0}),
    "mistral": dict(model_type="mistral"),
    "mistral without a window": dict(model_type="mistral", num_hidden_layers=3, sliding_window=None, head_dim=160),
    "qwen2": dict(model_type="qwen2", num_hidden_layers=4, sliding_window=131072, max_window_layers=2, use_sliding_window=False),
    "qwen2 with windows": dict(model_type="qwen2", num_hidden_layers=4, sliding_window=64, max_window_layers=3, use_sliding_window=True),
    "qwen2 with windows nowhere": dict(model_type="qwen2", num_hidden_layers=4, use_sliding_window=True),
    "qwen3": dict(model_type="qwen3", hidden_size=1024, num_attention_heads=16, num_key_value_heads=8, tie_word_embeddings=True, rope_theta=1e6),
    "qwen3 with layer types": dict(model_type="qwen3", num_hidden_layers=2, use_sliding_window=True, sliding_window=16, attention_bias=True,
                                   head_dim=64, layer_types=["sliding_attention", "full_attention"]),
}


def rope_wanted(c):
    """The fields of Go's Rope: of a type's own fields, those that it uses."""
    rope = dict(c.rope_parameters)
    kind = rope["rope_type"]
    want = {"Theta": rope["rope_theta"], "Type": kind, "Factor": rope.get("factor", 1)}
    if kind == "dynamic":
        want["Original"] = c.max_position_embeddings
    if kind in ("llama3", "yarn"):
        want["Original"] = rope["original_max_position_embeddings"]
    if kind == "llama3":
        want.update(LowFrequency=rope["low_freq_factor"], HighFrequency=rope["high_freq_factor"])
    if kind == "yarn":
        want.update(BetaFast=rope.get("beta_fast", 32), BetaSlow=rope.get("beta_slow", 1), Truncate=rope.get("truncate", True),
                    AttentionFactor=ROPE_INIT_FUNCTIONS["yarn"](c)[1])
    return want


def windows_wanted(c):
    """Tokens seen by each layer, 0 for all; null where no layer has a window."""
    window = getattr(c, "sliding_window", None)
    types = getattr(c, "layer_types", None) or ["sliding_attention"] * c.num_hidden_layers
    windows = [window if window and kind == "sliding_attention" else 0 for kind in types]
    return windows if any(windows) else None


def configs():
    cases = []
    for name, fields in CONFIGS.items():
        document = {"model_type": "llama", **fields}
        kind = document["model_type"]
        c = CONFIG_MAPPING[kind].from_dict(json.loads(json.dumps({k: v for k, v in document.items() if k != "model_type"})))
        attention_bias = kind == "qwen2" or getattr(c, "attention_bias", False)
        want = {
            "ModelType": kind, "HiddenSize": c.hidden_size, "IntermediateSize": c.intermediate_size, "NumLayers": c.num_hidden_layers,
            "NumHeads": c.num_attention_heads, "NumKVHeads": c.num_key_value_heads,
            "HeadDim": getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads,
            "VocabSize": c.vocab_size, "MaxPositions": c.max_position_embeddings, "RMSNormEps": c.rms_norm_eps,
            "TieEmbeddings": c.tie_word_embeddings, "AttentionBias": attention_bias,
            "OutputBias": attention_bias and kind != "qwen2", "MLPBias": getattr(c, "mlp_bias", False),
            "QKNorm": kind == "qwen3", "Windows": windows_wanted(c),
            "Activation": c.hidden_act, "BOS": None if c.bos_token_id is None else [c.bos_token_id],
            "Rope": rope_wanted(c),
        }
        cases.append({"name": name, "config": document, "want": want})
    head = {"made_by": "make_goldens.py", "transformers": transformers.__version__}
    rows = ",\n  ".join(json.dumps(case) for case in cases)
    text = json.dumps(head, indent=1)[:-2] + f',\n "cases": [\n  {rows}\n ]\n}}\n'
    (HERE / "configs.json").write_text(text)


written()
dtypes()
targets()
configs()
