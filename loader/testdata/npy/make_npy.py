"""Writes the .npy files of TestNPYOfNumpy into this folder (numpy 2.4.6)."""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
x = (np.arange(24).reshape(2, 3, 4) - 5) / 8

for descr in ("f2", "f4", "f8"):
    np.save(HERE / f"{descr}.npy", x.astype("<" + descr))
with open(HERE / "f4-v2.npy", "wb") as f:
    np.lib.format.write_array(f, x.astype("<f4"), version=(2, 0))
