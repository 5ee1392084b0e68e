package tinytext

import (
	"encoding/csv"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/layerclust/layerclust/loader"
)

// limit is what the embedded files may take in all.
const limit = 8 << 20

// TestFiles: every folder is there, opens without a warning, and is small.
func TestFiles(t *testing.T) {
	size := int64(0)
	err := fs.WalkDir(Files(), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		size += info.Size()
		return err
	})
	if err != nil || size > limit {
		t.Errorf("%d bytes, %v", size, err)
	}
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	m := openBase(t, dir)
	for _, name := range []string{TaskDir, RandomTaskDir} {
		if a := openAdapter(t, dir, name, m); len(a.Modules) != 7*m.Config.NumLayers || a.Zero() {
			t.Errorf("%s changes %d modules", name, len(a.Modules))
		}
	}
	refs, err := loader.ParseAdapterArg(filepath.Join(dir, StyleDir))
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range append(refs, loader.AdapterRef{Dir: filepath.Join(dir, RandomStyleDir)}) {
		name, err := filepath.Rel(dir, ref.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if a := openAdapter(t, dir, name, m); len(a.Modules) != m.Config.NumLayers || a.Config.Rank != 2 || a.Zero() != (i == 0) {
			t.Errorf("%s changes %d modules at rank %d", name, len(a.Modules), a.Config.Rank)
		}
	}
}

// TestNulls: each random adapter is as large as the one it stands for, module
// by module.
func TestNulls(t *testing.T) {
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	m := openBase(t, dir)
	for name, null := range map[string]string{"style/checkpoint-400": RandomStyleDir, TaskDir: RandomTaskDir} {
		trained, random := asTrained(openAdapter(t, dir, name, m)), asTrained(openAdapter(t, dir, null, m))
		for i := 0; i < len(trained.Tensors); i += 2 {
			want := singularValues(trained.Tensors[i], trained.Tensors[i+1])
			got := singularValues(random.Tensors[i], random.Tensors[i+1])
			for k := range want { // both are rounded to bfloat16, at 2^-9 relative
				if math.Abs(got[k]-want[k]) > 0.01*want[0] {
					t.Errorf("%s: %s: singular values %v, of the null %v", name, trained.Tensors[i].Name, want, got)
				}
			}
		}
	}
}

// TestLearned: the embedded model and its adapters have learned. On new held-out
// texts base and task lose less than half of what counting pairs of tokens does.
// style may only turn the values, at rank 2, and cannot write letters as well as
// counting their pairs; it takes away half of what the base alone loses on them.
// All lose about what the log of the training says.
func TestLearned(t *testing.T) {
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	m := openBase(t, dir)
	weights, err := ReadModel(m)
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := loader.OpenTokenizer(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	log := readLog(t)
	for _, c := range []struct {
		run, adapter string
		kind         Kind
	}{{"base", "", Stories}, {"style", "style/checkpoint-400", Letters}, {"task", TaskDir, Lists}} {
		var lora *LoRA
		if c.adapter != "" {
			lora = asTrained(openAdapter(t, dir, c.adapter, m))
		}
		held := Source{Tokenizer: tokenizer, Seed: demoSeed, Side: Held, Kind: c.kind, Rows: 12, Length: positions}
		trainer, err := NewTrainer(m.Config, weights, lora, held)
		if err != nil {
			t.Fatal(err)
		}
		loss, err := trainer.Evaluate(held, 3)
		trainer.Close()
		if err != nil {
			t.Fatal(err)
		}
		unigram, bigram, final := log[c.run+" unigram"], log[c.run+" bigram"], log[c.run+" held-out"]
		t.Logf("%s: held-out loss %.4f; in the log %.4f, bigram %.4f, unigram %.4f nats per token", c.run, loss, final, bigram, unigram)
		bound := bigram / 2
		if c.run == "style" {
			bound = log["style first held-out"] / 2
		}
		if !(loss < bound && loss < unigram) || math.Abs(loss-final) > 0.1*final+0.01 {
			t.Errorf("%s: held-out loss %.4f; in the log %.4f, bound %.4f", c.run, loss, final, bound)
		}
	}
}

// readLog gives the last value of each quantity of each run of train_log.csv,
// by "run quantity", and the first, by "run first quantity".
func readLog(t *testing.T) map[string]float64 {
	t.Helper()
	f, err := Files().Open("train_log.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]float64{}
	for _, row := range rows[1:] {
		value, err := strconv.ParseFloat(row[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := last[row[0]+" "+row[2]]; !ok {
			last[row[0]+" first "+row[2]] = value
		}
		last[row[0]+" "+row[2]] = value
	}
	return last
}

// TestPrompts: they are of the length that is worth looking at, and no text of
// the training.
func TestPrompts(t *testing.T) {
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := loader.OpenTokenizer(filepath.Join(dir, BaseDir))
	if err != nil {
		t.Fatal(err)
	}
	defer tokenizer.Close()
	var ids []string
	for _, p := range Prompts() {
		e, err := tokenizer.Encode(p.Text)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(e.IDs); n < 60 || n > 150 {
			t.Errorf("%s has %d tokens", p.ID, n)
		}
		if slices.Contains(ids, p.ID) {
			t.Errorf("two prompts %s", p.ID)
		}
		ids = append(ids, p.ID)
	}
}
