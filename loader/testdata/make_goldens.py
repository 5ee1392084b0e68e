"""Makes the golden files of package loader's tests, in this folder.

Run with safetensors 0.8, torch 2.15, transformers 5.23 and peft 0.21.2 (the
versions used are written into targets.json):

    python3 make_goldens.py

written.safetensors  what Python's safetensors writes for three small tensors:
                     loader's writer must give the same bytes.
dtypes.safetensors   F16 and BF16 tensors and torch's float32 values of them.
targets.json         which modules of a 12-layer Llama PEFT puts LoRA on, with
                     which rank and scale, for a list of adapter configurations.
configs.json         what transformers' LlamaConfig makes of a list of config.json.
"""

import json
import pathlib

import peft
import safetensors
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

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
}


def configs():
    cases = []
    for name, fields in CONFIGS.items():
        document = {"model_type": "llama", **fields}
        c = LlamaConfig.from_dict(json.loads(json.dumps(document)))
        rope = c.rope_parameters
        want = {
            "HiddenSize": c.hidden_size, "IntermediateSize": c.intermediate_size, "NumLayers": c.num_hidden_layers,
            "NumHeads": c.num_attention_heads, "NumKVHeads": c.num_key_value_heads, "HeadDim": c.head_dim,
            "VocabSize": c.vocab_size, "MaxPositions": c.max_position_embeddings, "RMSNormEps": c.rms_norm_eps,
            "TieEmbeddings": c.tie_word_embeddings, "AttentionBias": c.attention_bias, "MLPBias": c.mlp_bias,
            "Activation": c.hidden_act, "BOS": None if c.bos_token_id is None else [c.bos_token_id],
            "Rope": {"Theta": rope["rope_theta"], "Type": rope["rope_type"], "Factor": rope.get("factor", 1)},
        }
        cases.append({"name": name, "config": document, "want": want})
    text = json.dumps({"made_by": "make_goldens.py", "transformers": transformers.__version__, "cases": cases}, indent=1)
    (HERE / "configs.json").write_text(text + "\n")


written()
dtypes()
targets()
configs()
