package main

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/loader"
)

type masked = analyze.Masked

// patch changes the elements of an F32 tensor of the world's model.
func (w world) patch(t *testing.T, tensor string, change func(i int, v float32) float32) {
	t.Helper()
	path := filepath.Join(w.model, "model.safetensors")
	f, err := loader.OpenSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	info, ok := f.Info(tensor)
	f.Close()
	if !ok {
		t.Fatalf("there is no %s", tensor)
	}
	data := readFile(t, w.model, "model.safetensors")
	for i := range info.Len() {
		at := data[int(info.Begin)+4*i:]
		v := math.Float32frombits(binary.LittleEndian.Uint32(at))
		binary.LittleEndian.PutUint32(at, math.Float32bits(change(i, v)))
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeMassiveLate lets one token of the prompts become massive at layer 2 or
// later: block 1's gain before the MLP passes on only a coordinate of the
// state that the token's embedding has far larger than all others, through
// gates that open with it.
func (w world) makeMassiveLate(t *testing.T) {
	t.Helper()
	const hidden, loud = 16, 5 // testmodel's default; the coordinate
	token := ids(24, 1)[7]
	w.patch(t, "model.embed_tokens.weight", func(i int, v float32) float32 {
		switch {
		case i%hidden != loud:
			return v
		case i/hidden == token:
			return 3
		}
		return 0
	})
	zero := func(int, float32) float32 { return 0 }
	for _, name := range []string{"model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.down_proj.weight", "model.layers.1.self_attn.o_proj.weight"} {
		w.patch(t, name, zero)
	}
	loudOnly := func(size float32) func(int, float32) float32 {
		return func(i int, _ float32) float32 {
			if i%hidden == loud {
				return size
			}
			return 0
		}
	}
	w.patch(t, "model.layers.1.mlp.gate_proj.weight", loudOnly(4))
	w.patch(t, "model.layers.1.mlp.up_proj.weight", loudOnly(4))
	w.patch(t, "model.layers.1.mlp.down_proj.weight", func(_ int, v float32) float32 { return 40 * v })
}

// shard takes the model's one file apart: all but the final norm go to the
// first shard.
func (w world) shard(t *testing.T) (first, second string) {
	t.Helper()
	single := filepath.Join(w.model, "model.safetensors")
	f, err := loader.OpenSafetensors(single)
	if err != nil {
		t.Fatal(err)
	}
	shards := [2][]loader.NamedTensor{}
	index := `{"weight_map":{`
	names := [2]string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
	for i, name := range f.Names() {
		info, _ := f.Info(name)
		x := make([]float32, info.Len())
		if err := f.ReadFloat32(name, x); err != nil {
			t.Fatal(err)
		}
		home := 0
		if name == loader.NormTensor {
			home = 1
		}
		shards[home] = append(shards[home], loader.NamedTensor{Name: name, Shape: info.Shape, Float32: x})
		if i > 0 {
			index += ","
		}
		index += `"` + name + `":"` + names[home] + `"`
	}
	f.Close()
	for i, tensors := range shards {
		if err := loader.WriteSafetensors(filepath.Join(w.model, names[i]), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.write(t, "model/model.safetensors.index.json", index+"}}")
	if err := os.Remove(single); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(w.model, names[0]), filepath.Join(w.model, names[1])
}

// The helper itself: the world in shards is the world in one file.
func TestShardsGiveTheSameMetrics(t *testing.T) {
	w := newWorld(t)
	w.run(t, "one").fine(t)
	w.shard(t)
	w.run(t, "two").fine(t)
	if string(readFile(t, w.at("one"), "metrics.csv")) != string(readFile(t, w.at("two"), "metrics.csv")) {
		t.Error("the metrics differ")
	}
}
