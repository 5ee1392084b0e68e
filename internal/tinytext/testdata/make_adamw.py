"""Writes adamw.json: ten steps of torch.optim.AdamW with clip_grad_norm_.

Made with torch 2.15.0, numpy 2.4.6:  python make_adamw.py
"""

import json
import pathlib

import numpy as np
import torch

rng = np.random.default_rng(0)
STEPS, RATES = 10, [0.01 * (i + 1) for i in range(10)]
start = [rng.normal(size=6), rng.normal(size=3)]  # a matrix, which decays, and a norm, which does not
gradients = [[(rng.normal(size=6) * 2).tolist(), (rng.normal(size=3) * 0.1).tolist()] for _ in range(STEPS)]

weights = [torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for w in start]
optimizer = torch.optim.AdamW(
    [{"params": weights[:1], "weight_decay": 0.1}, {"params": weights[1:], "weight_decay": 0.0}],
    betas=(0.9, 0.95), eps=1e-8,
)
after = []
for step in range(STEPS):
    for w, g in zip(weights, gradients[step]):
        w.grad = torch.tensor(g, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_(weights, 3.0)
    for group in optimizer.param_groups:
        group["lr"] = RATES[step]
    optimizer.step()
    after.append([w.detach().tolist() for w in weights])

pathlib.Path(__file__).with_name("adamw.json").write_text(json.dumps(
    {"torch": torch.__version__, "start": [w.tolist() for w in start], "gradients": gradients,
     "rates": RATES, "after": after}) + "\n")
