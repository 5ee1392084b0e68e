"""What the programs run on: models, prompts, adapters, and the other side's Python.

Everything is made once, into LAYERCLUST_BENCH_DIR, by seed: the same files on every machine.
"""
import array
import json
import os
import pathlib
import random
import shlex
import shutil
import subprocess
import sys

PEER_VERSIONS = ["torch==2.15.0", "transformers==5.24.0", "peft==0.21.2"]

# torch without CUDA, for the processor alone; where that index cannot be reached, the registry's own.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


class Missing(Exception):
    """Something that a measurement needs is not there, and cannot be made."""


class Store:
    """The folder of what the programs run on, and where the programs themselves are."""

    def __init__(self, root):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "layerclust"
        self.root = root
        self.dir = pathlib.Path(os.environ.get("LAYERCLUST_BENCH_DIR") or cache / "bench").absolute()
        self.shared = root / os.environ.get("LAYERCLUST_SHARED", "../shared")
        self.smollm2_dir = pathlib.Path(os.environ.get("LAYERCLUST_SMOLLM2") or cache / "smollm2-135m")

    def tool(self, name):
        return existing(self.shared / "tools" / name, "LAYERCLUST_SHARED names another folder")

    def binary(self, name):
        return existing(self.root / "bin" / name, "make bench builds it")

    def model(self, layers, dtype):
        """A random Llama in the shapes of Llama-2-7B."""
        out = self.dir / f"7b-{layers}-{dtype}"
        if not (out / "config.json").exists():  # the tool writes it last
            self.dir.mkdir(parents=True, exist_ok=True)
            need, free = model_bytes(layers, dtype) / 1e9, shutil.disk_usage(self.dir).free / 1e9
            if need + 1 > free:
                raise Missing(f"{out}: needs {need:.1f} GB of disk, {free:.1f} GB are free (LAYERCLUST_BENCH_DIR names another folder)")
            say(f"making {out}, {need:.1f} GB")
            call(self.python(), self.tool("make_synthetic_llama.py"), out, "--preset", "7b", "--layers", layers, "--dtype", dtype)
        return out

    def smollm2(self):
        """SmolLM2-135M-Instruct; the tool leaves a folder alone that is already right."""
        if not (self.smollm2_dir / "model.safetensors").exists():
            say(f"making {self.smollm2_dir}")
            call(sys.executable, self.tool("get_smollm2.py"), self.smollm2_dir)
        return self.smollm2_dir

    def trained_adapter(self, name):
        return existing(self.shared / "fixtures" / "adapters" / name, "LAYERCLUST_SHARED names another folder")

    def prompts(self, model, count, tokens):
        """A file of random ids of the model's vocabulary; the first three ids are mostly special."""
        vocab = config(model)["vocab_size"]
        path = self.dir / "prompts" / f"{vocab}-{count}x{tokens}.jsonl"
        if not path.exists():
            ids = random.Random(0)
            rows = [{"id": f"p{i}", "input_ids": [ids.randrange(3, vocab) for _ in range(tokens)]} for i in range(count)]
            write(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
        return path

    def adapter(self, model, number, upper=False):
        """A random adapter on v_proj, r 2 and alpha 32 as in arXiv 2402.15415, on all layers or on the
        upper half. B is not zero, so that it changes every layer that it is on."""
        c = config(model)
        depth = c["num_hidden_layers"]
        layers = list(range(depth // 2 if upper else 0, depth))
        out = self.dir / "adapters" / f"{model.name}-{number}{'-upper' if upper else ''}"
        if not (out / "adapter_config.json").exists():
            write(out / "adapter_model.safetensors", random_lora(c, layers, number))
            fields = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 32, "target_modules": ["v_proj"],
                      "bias": "none", "base_model_name_or_path": model.name, "layers_to_transform": layers if upper else None}
            write(out / "adapter_config.json", json.dumps(fields, indent=1).encode())
        return out

    def python(self):
        """The Python of the other side."""
        if os.environ.get("PEER_PYTHON"):
            return existing(pathlib.Path(shutil.which(os.environ["PEER_PYTHON"]) or os.environ["PEER_PYTHON"]), "PEER_PYTHON names it")
        venv = self.dir / "peer"
        done = venv / "complete"
        if not done.exists():
            say(f"making {venv} with {', '.join(PEER_VERSIONS)}")
            call(sys.executable, "-m", "venv", "--clear", venv)
            pip = [venv / "bin/pip", "install", "--quiet"]
            if not call(*pip, "--index-url", TORCH_INDEX, PEER_VERSIONS[0], check=False):
                call(*pip, PEER_VERSIONS[0])
            call(*pip, *PEER_VERSIONS)
            write(done, b"")
        return venv / "bin/python"

    def versions(self):
        """The versions of both sides' parts."""
        show = "import sys, torch, transformers, peft; print(f'Python {sys.version.split()[0]}, torch {torch.__version__}, " \
               "transformers {transformers.__version__}, peft {peft.__version__}')"
        peer = subprocess.run([self.python(), "-c", show], capture_output=True, text=True, check=True).stdout.strip()
        go = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout.split()[2]
        return f"{go}; {peer}"

    def shown(self, program):
        """A program's command line as a reader can repeat it, free of this machine's folders."""
        places = [(self.dir, "$LAYERCLUST_BENCH_DIR"), (self.smollm2_dir, "$LAYERCLUST_SMOLLM2"), (self.shared, "../shared"),
                  (self.root, "."), (os.environ.get("PEER_PYTHON"), "$PEER_PYTHON")]
        line = " ".join([f"{key}={value}" for key, value in program.env.items()] + [shlex.quote(arg) for arg in program.argv])
        for place, name in places:
            if place:
                line = line.replace(str(place), name)
        return line.replace("$LAYERCLUST_BENCH_DIR/peer/bin/python", "$PEER_PYTHON").replace("'{out}'", "OUT")


def model_bytes(layers, dtype):
    """The size of a model of the 7B shapes: hidden 4096, MLP 11008, vocabulary 32000, head and embedding apart."""
    values = layers * (4 * 4096 * 4096 + 3 * 4096 * 11008) + 2 * 32000 * 4096
    return values * (4 if dtype == "f32" else 2)


def random_lora(c, layers, seed):
    """A safetensors file with A (2, in) and B (out, 2) of v_proj for each of the layers."""
    hidden = c["hidden_size"]
    out = hidden // c["num_attention_heads"] * c["num_key_value_heads"]
    rng, header, data = random.Random(seed), {}, bytearray()
    for layer in layers:
        for side, shape in (("A", [2, hidden]), ("B", [out, 2])):
            values = array.array("f", (rng.gauss(0, 0.02) for _ in range(shape[0] * shape[1])))
            if sys.byteorder == "big":
                values.byteswap()
            name = f"base_model.model.model.layers.{layer}.self_attn.v_proj.lora_{side}.weight"
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
            data += values.tobytes()
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + bytes(data)


def config(model):
    return json.loads((model / "config.json").read_text())


def write(path, data):
    """Writes a file whole or not at all, so that a stopped run leaves nothing half made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def existing(path, advice):
    if not path.exists():
        raise Missing(f"{path} is not there ({advice})")
    return path


def call(*argv, check=True):
    """Runs a command whose output goes to stderr; True where it went well."""
    done = subprocess.run([str(arg) for arg in argv], stdout=sys.stderr, check=False)
    if check and done.returncode != 0:
        raise Missing(f"{' '.join(map(str, argv))}: exit code {done.returncode}")
    return done.returncode == 0


def say(text):
    print(f"bench: {text}", file=sys.stderr)
