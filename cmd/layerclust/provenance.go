package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// hashes are the digests of the input files, taken beside the forward pass,
// which reads the same pages.
type hashes struct {
	stop     context.CancelFunc
	done     chan struct{}
	model    map[string]string
	adapters []map[string]string
	err      error
}

func startHashes(ctx context.Context, in *inputs) *hashes {
	ctx, stop := context.WithCancel(ctx)
	h := &hashes{stop: stop, done: make(chan struct{})}
	files := in.modelFiles()
	go func() {
		defer close(h.done)
		if h.model, h.err = loader.HashFiles(ctx, in.model.Dir, files); h.err != nil {
			return
		}
		for _, a := range in.adapters {
			sums, err := loader.HashFiles(ctx, a.Dir, a.Files())
			if err != nil {
				h.err = err
				return
			}
			h.adapters = append(h.adapters, sums)
		}
	}()
	return h
}

// runInfo says where the results come from.
func (j *job) runInfo(trace *extract.Trace, f *inputFlags) (analyze.RunInfo, error) {
	<-j.hashes.done
	if j.hashes.err != nil {
		return analyze.RunInfo{}, j.hashes.err
	}
	c := j.in.model.Config
	info := analyze.RunInfo{
		Schema: report.Schema, Tool: "layerclust " + version, Argv: os.Args,
		Model: analyze.ModelInfo{Path: j.in.source, Type: c.ModelType, Layers: trace.Layers,
			Hidden: c.HiddenSize, Heads: c.NumHeads, SHA256: j.hashes.model, Config: c.Raw},
		Adapters: []analyze.AdapterInfo{}, Prompts: j.in.infos, Sites: j.in.sites, Precision: f.precision, Provider: j.provider,
		LoRAScale: f.loraScale, RepeatDepth: f.repeatDepth, Timings: j.timings, Warnings: nonNil(j.in.warnings),
		Fingerprint: j.out.fingerprint, ResumedFrom: j.from,
	}
	f.note(&info)
	for i, a := range j.in.adapters {
		info.Adapters = append(info.Adapters, adapterInfo(a, trace.Applied[i], j.hashes.adapters[i]))
	}
	return info, nil
}

// fingerprint is a digest of the inputs and of every option that changes a
// result. It is taken before the run, which adds massive tokens to the prompts.
func (f *inputFlags) fingerprint(in *inputs, provider string) string {
	type adapter struct {
		Name, Path string
		Scale      float64
		Files      []string
	}
	key := struct {
		Model    string
		Files    []string
		Adapters []adapter
		Prompts  []analyze.PromptInfo
		Options  []any
	}{Model: absolute(in.model.Dir), Files: stamps(in.model.Dir, in.modelFiles()), Prompts: in.infos}
	for _, a := range in.adapters {
		key.Adapters = append(key.Adapters, adapter{a.Name, absolute(a.Dir), a.Scale, stamps(a.Dir, a.Files())})
	}
	key.Options = []any{version, f.command, in.layers.chosen, in.sites, f.saveStates, f.precision, f.repeatDepth, f.loraScale, f.mask, f.bootstrap, f.seed, f.twin, provider}
	return digest(key)
}

// stamps tell whether files have changed since another run, at the cost of a
// look: their hashes are known only at its end.
func stamps(dir string, names []string) []string {
	var list []string
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			list = append(list, fmt.Sprintf("%s %d %d", name, info.Size(), info.ModTime().UnixNano()))
		}
	}
	return list
}

// digest is the SHA-256 of a value's JSON, in hexadecimal.
func digest(key any) string {
	text, err := json.Marshal(key)
	if err != nil {
		panic(err) // plain strings and numbers always encode
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
