"""Compares states of this program with those of transformers and PEFT.

    layerclust extract MODEL/base --save-states --prompts P.jsonl --out OUT \
        --adapter style=MODEL/style/checkpoint-400 --adapter task=MODEL/task ...
    python check_transformers.py MODEL P.jsonl OUT style=style/checkpoint-400 task=task ...

Prints, for the base and each adapter, the norm of a token's difference over
the norm of the token, the largest of all prompts, tokens and layers, and whether
the tokens are the same. Run with torch 2.15.0, transformers 5.23.0, peft 0.21.2.
"""

import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, prompts, out = map(pathlib.Path, sys.argv[1:4])
variants = {"base": None} | dict(arg.split("=") for arg in sys.argv[4:])
texts = [json.loads(line) for line in prompts.read_text().splitlines()]
tokenizer = AutoTokenizer.from_pretrained(folder / "base")
for name, adapter in variants.items():
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32, attn_implementation="eager")
    if adapter:
        model = PeftModel.from_pretrained(model, folder / adapter)
    model = model.double().eval()
    worst, same, losses = 0.0, True, []
    for p in texts:
        ours = load_file(out / "states" / name / (p["id"] + ".safetensors"))
        ids = tokenizer(p["text"], return_tensors="pt").input_ids
        same &= ids[0].tolist() == ours["token_ids"].tolist()
        with torch.no_grad():
            result = model(ids, output_hidden_states=True, labels=ids)
        reference = torch.stack([h[0] for h in result.hidden_states])  # (L+1, T, D)
        difference = (ours["hidden_states"].double() - reference).norm(dim=-1) / reference.norm(dim=-1)
        worst = max(worst, difference.max().item())
        losses.append(result.loss.item())
    print(f"{name}: worst token {worst:.2e}, same tokens {same}, mean loss {sum(losses) / len(losses):.4f}")
