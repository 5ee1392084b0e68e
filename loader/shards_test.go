package loader

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shardOf is a file that holds F32 tensors of one element each.
func shardOf(names ...string) []byte {
	var entries []string
	for i, name := range names {
		entries = append(entries, `"`+name+`":{"dtype":"F32","shape":[1],"data_offsets":[`+strconv.Itoa(4*i)+`,`+strconv.Itoa(4*i+4)+`]}`)
	}
	return safetensorsBytes("{"+strings.Join(entries, ",")+"}", 4*len(names))
}

func TestOpenWeightsShards(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "one.safetensors", shardOf("a", "b"))
	writeFile(t, dir, "two.safetensors", shardOf("c"))
	writeFile(t, dir, indexName, []byte(`{"metadata":{"total_size":12},"weight_map":{"c":"two.safetensors","a":"one.safetensors","b":"one.safetensors"}}`))
	w, err := OpenWeights(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got := w.Names(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("names %v", got)
	}
	if got := w.Files(); !slices.Equal(got, []string{indexName, "one.safetensors", "two.safetensors"}) {
		t.Errorf("files %v", got)
	}
	if info, ok := w.Info("c"); !ok || info.File != "two.safetensors" {
		t.Errorf("c is %+v, %v", info, ok)
	}
	x := make([]float32, 1)
	refused(t, w.ReadFloat32("d", x), `there is no tensor "d" in one.safetensors, two.safetensors`)
	if _, ok := w.Info("d"); ok {
		t.Error("Info finds d")
	}
}

func TestOpenWeightsRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"empty folder", nil, "there is no model.safetensors and no model.safetensors.index.json"},
		{"pickle", map[string]string{"pytorch_model.bin": "x"}, `"pytorch_model.bin" is a pickle`},
		{"torch", map[string]string{"consolidated.00.pth": "x"}, "convert it with transformers"},
		{"index text", map[string]string{indexName: "x"}, "is not valid JSON"},
		{"index list", map[string]string{indexName: "[]"}, "is not a JSON object"},
		{"no map", map[string]string{indexName: "{}"}, "weight_map is not an object with entries"},
		{"empty map", map[string]string{indexName: `{"weight_map":{}}`}, "weight_map is not an object with entries"},
		{"twice", map[string]string{indexName: `{"weight_map":{"a":"s","a":"s"}}`}, `the key "a" twice`},
		{"number", map[string]string{indexName: `{"weight_map":{"a":3}}`}, `weight_map: "a": 3 is not a plain file name`},
		{"path", map[string]string{indexName: `{"weight_map":{"a":"../s.safetensors"}}`}, "is not a plain file name"},
		{"absolute", map[string]string{indexName: `{"weight_map":{"a":"/s.safetensors"}}`}, "is not a plain file name"},
		{"backslash", map[string]string{indexName: `{"weight_map":{"a":"x\\s.safetensors"}}`}, "is not a plain file name"},
		{"parent", map[string]string{indexName: `{"weight_map":{"a":".."}}`}, "is not a plain file name"},
		{"nothing", map[string]string{indexName: `{"weight_map":{"a":""}}`}, "is not a plain file name"},
		{"pickle shard", map[string]string{indexName: `{"weight_map":{"a":"s.bin"}}`}, `"s.bin" is not a .safetensors file`},
		{"missing shard", map[string]string{indexName: `{"weight_map":{"a":"s.safetensors"}}`}, "s.safetensors"},
		{"truncated shard", map[string]string{
			indexName: `{"weight_map":{"a":"s.safetensors"}}`, "s.safetensors": string(shardOf("a")[:40]),
		}, "s.safetensors: header of"},
		{"listed, absent", map[string]string{
			indexName: `{"weight_map":{"a":"s.safetensors","b":"s.safetensors"}}`, "s.safetensors": string(shardOf("a")),
		}, `tensor "b": is missing, though model.safetensors.index.json lists it here`},
		{"in the wrong shard", map[string]string{
			indexName:       `{"weight_map":{"a":"s.safetensors","b":"s.safetensors","c":"u.safetensors"}}`,
			"s.safetensors": string(shardOf("a")), "u.safetensors": string(shardOf("b", "c")),
		}, `s.safetensors: tensor "b": is missing`},
		{"not listed", map[string]string{
			indexName: `{"weight_map":{"a":"s.safetensors"}}`, "s.safetensors": string(shardOf("a", "z")),
		}, `tensor "z": is not listed in model.safetensors.index.json`},
		{"in two shards", map[string]string{
			indexName:       `{"weight_map":{"a":"s.safetensors","b":"u.safetensors"}}`,
			"s.safetensors": string(shardOf("a")), "u.safetensors": string(shardOf("a", "b")),
		}, `u.safetensors: tensor "a": is also in s.safetensors`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				writeFile(t, dir, name, []byte(text))
			}
			_, err := OpenWeights(dir)
			refused(t, err, dir, c.want)
		})
	}
	_, err := OpenWeights("absent")
	refused(t, err, "absent")
	_, err = OpenWeights(writeFile(t, t.TempDir(), "file", nil))
	refused(t, err, "is not a folder")
}

// FuzzIndex: whatever the bytes, either an error of one line that is bad input,
// or names that stay in their folder.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":8},"weight_map":{"a":"model-00001-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		where, err := parseIndex(data)
		if err != nil {
			refused(t, err)
			return
		}
		for tensor, name := range where {
			if strings.ContainsAny(name, "/\\\x00") || !strings.HasSuffix(name, ".safetensors") || name == ".." {
				t.Fatalf("accepted %q for %q", name, tensor)
			}
		}
	})
}
