"""python3 -m unittest discover --start-directory scripts/bench"""
import json
import os
import pathlib
import struct
import sys
import tempfile
import unittest

import document
import machine
import process
import results
import supplies
import tables

# Two turns of two programs; what the columns must say of them is worked out by hand.
AT = {"processor": "P", "model": "m", "cores": 2, "isa": "avx2", "memory_gib": 8, "system": "Linux", "versions": "go1, torch 2",
      "commit": "abc", "date": "2026-01-02", "rounds": 2, "took_s": 9}
ROW = {"label": "64", "commands": {"f32": "./bin/forward M", "peer f32": "peer M"}, "runs": {
    "f32": [{"layers": 4, "forward_s": 0.4, "others": 0.1, "provider": "native"}, {"layers": 4, "forward_s": 0.8, "others": 0.3, "provider": "native"}],
    "peer f32": [{"layers": 4, "forward_s": 0.8, "others": 0.0}, {"layers": 4, "forward_s": 1.0, "others": 0.0}]}}


class Document(unittest.TestCase):
    def test_a_row(self):
        line = document.grid(tables.ALL["layer"], [ROW]).splitlines()[2]
        # 0.4 s and 0.8 s over 4 layers: 100 and 200 ms; the turns' ratios are 0.5 and 0.8; bf16 was not measured.
        self.assertEqual(line, "| 64 | 150 (100–200) | 225 (200–250) | 0.650 (0.500–0.800) | – | – | – |")

    def test_a_document_has_its_tables_and_their_origin(self):
        other = {"at": dict(AT, processor="Q"), "rows": [ROW]}
        text = document.render({"layer": {"at": AT, "rows": [ROW]}, "f16": other})
        for part in ("## A layer of a 7B model", "Machine A, 2026-01-02, commit abc", "- B: Q", "Machine B", "Engine: native.",
                     "    peer M\n", "`isa`", "took 5 % of the processors during a run, at most 30 %"):
            self.assertIn(part, text)
        self.assertNotIn("## Without AMX", text)

    def test_three_digits_count(self):
        self.assertEqual([document.digits(x) for x in (3161.4, 697.2, 15.55, 1.0, 0.08123, 0)], ["3161", "697", "15.6", "1.00", "0.0812", "0"])

    def test_every_column_names_a_figure(self):
        for table in tables.ALL.values():
            for column in table.columns:
                self.assertIn(column.figure, document.FIGURES, f"{table.name}: {column.head}")


class Rows(unittest.TestCase):
    def test_every_column_names_a_program(self):
        store = supplies.Store(pathlib.Path("/project"))
        store.model = lambda layers, dtype: pathlib.Path(f"/bench/7b-{layers}-{dtype}")
        store.smollm2 = lambda: pathlib.Path("/bench/smollm2")
        store.prompts = lambda model, count, tokens: f"{count}x{tokens}.jsonl"
        store.adapter = lambda model, number, upper=False: f"adapter-{number}"
        store.trained_adapter = store.tool = store.binary = lambda name: name
        store.python = lambda: "python"
        config, supplies.config = supplies.config, lambda model: {"num_hidden_layers": 4}
        self.addCleanup(setattr, supplies, "config", config)
        for table in tables.ALL.values():
            rows = table.rows(store)
            known = {name for row in rows for name in row.programs}
            for column in table.columns:
                names = [column.program] if isinstance(column, tables.Show) else [column.over, column.under]
                self.assertLessEqual(set(names), known, f"{table.name}: {column.head}")
            self.assertEqual(len({row.label for row in rows}), len(rows), f"{table.name}: two rows look the same")


class Results(unittest.TestCase):
    def test_a_table_is_replaced_and_the_others_stay(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "benchmarks.json")
            results.keep(results.load(path), "f16", AT, [ROW])
            results.keep(results.load(path), "layer", AT, [])
            results.keep(results.load(path), "layer", AT, [ROW])
            self.assertEqual(json.loads(path.read_text()), {name: {"at": AT, "rows": [ROW]} for name in ("f16", "layer")})


class Process(unittest.TestCase):
    def run_python(self, code):
        return process.run(process.Program([sys.executable, "-c", code], {"layers": 4}), os.getcwd())

    def test_figures_and_memory_of_a_process(self):
        run = self.run_python("import time; held = b'x' * (64 << 20); time.sleep(0.3)\n"
                              "print('not this line'); print('{\"forward_s\": 1.23456, \"other\": 1, \"timings\": {\"report_s\": 2.5}}')")
        self.assertEqual((run["layers"], run["forward_s"], run["report_s"]), (4, 1.2346, 2.5))
        self.assertNotIn("other", run)
        self.assertGreater(run["wall_s"], 0.3)
        if sys.platform == "linux":  # the 64 MiB that it holds, and less than as much again for Python itself
            self.assertTrue(64 << 20 < run["anon_bytes"] < 128 << 20, run)
            self.assertGreaterEqual(run["resident_bytes"], run["anon_bytes"])
            self.assertTrue(0 <= run["others"] <= 1, run)

    def test_what_fails_is_named(self):
        for code, want in (("import sys; sys.exit('no such model')", "exit code 1: no such model"), ("print('words')", "printed 'words'")):
            with self.assertRaisesRegex(process.Failed, want):
                self.run_python(code)

    def test_status_is_read_in_bytes(self):
        text = "Name:\tforward\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\n"  # as proc(5) has it
        self.assertEqual(process.parse_status(text), {"resident_bytes": 2 << 20, "anon_bytes": 512 << 10})


class Supplies(unittest.TestCase):
    def test_a_random_adapter_is_a_safetensors_file(self):
        c = {"hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2}  # v_proj is 8 -> 4
        data = supplies.random_lora(c, [1, 3], 0)
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        self.assertEqual(size % 8, 0)
        shapes = {name.removeprefix("base_model.model.model.layers."): t["shape"] for name, t in header.items()}
        self.assertEqual(shapes, {f"{layer}.self_attn.v_proj.lora_{side}.weight": shape
                                  for layer in (1, 3) for side, shape in (("A", [2, 8]), ("B", [4, 2]))})
        self.assertEqual(len(data), 8 + size + 2 * (16 + 8) * 4)  # two layers of 16 and 8 float32
        b = header["base_model.model.model.layers.3.self_attn.v_proj.lora_B.weight"]["data_offsets"]
        values = struct.unpack("<8f", data[8 + size + b[0]:8 + size + b[1]])
        self.assertTrue(all(values), "B holds zeros: the adapter would change nothing")
        self.assertEqual(data, supplies.random_lora(c, [1, 3], 0))
        self.assertNotEqual(data, supplies.random_lora(c, [1, 3], 1))

    def test_the_size_of_a_model(self):
        # Llama-2-7B has 6,738,415,616 parameters, of which the 65 gains of 4,096 are not counted.
        self.assertEqual(supplies.model_bytes(32, "bf16"), 2 * (6_738_415_616 - 65 * 4096))

    def test_commands_are_shown_free_of_the_machine(self):
        store = supplies.Store(pathlib.Path("/project"))
        program = process.Program([f"{store.root}/bin/forward", f"{store.dir}/7b-4-bf16", "--out", "{out}"], {}, {"DNNL_MAX_CPU_ISA": "AVX2"})
        self.assertEqual(store.shown(program), "DNNL_MAX_CPU_ISA=AVX2 ./bin/forward $LAYERCLUST_BENCH_DIR/7b-4-bf16 --out OUT")


class Machine(unittest.TestCase):
    def test_a_field_of_proc(self):
        text = "processor\t: 0\nmodel name\t: A Processor\nmodel\t\t: 207\nflags\t\t: fpu avx2\nmodel name\t: Another\n"
        self.assertEqual([machine.field(text, name, "none") for name in ("model name", "model", "flags", "bogus")],
                         ["A Processor", "207", "fpu avx2", "none"])


if __name__ == "__main__":
    unittest.main()
