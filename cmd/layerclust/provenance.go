package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/digests"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// startDigests begins to hash the input files beside the forward pass, which
// reads the same pages.
func startDigests(ctx context.Context, in *inputs) *digests.Work {
	paths := within(in.model.Dir, in.modelFiles())
	for _, a := range in.adapters {
		paths = append(paths, within(a.Dir, a.Files())...)
	}
	return digests.Start(ctx, digests.UserCache(), paths)
}

func within(dir string, names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name)
	}
	return paths
}

// unreadable marks an error of a file as one of the input; the end of a
// context is none.
func unreadable(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return loader.InputErrorf("%w", err)
	}
	return err
}

// digestsOf are those of the files of one folder, by name.
func digestsOf(dir string, names []string, sums map[string]string) map[string]string {
	named := make(map[string]string, len(names))
	for _, name := range names {
		named[name] = sums[filepath.Join(dir, name)]
	}
	return named
}

// runInfo says where the results come from.
func (j *job) runInfo(trace *extract.Trace, f *inputFlags) (analyze.RunInfo, error) {
	sums, err := j.digests.Wait()
	if err != nil {
		return analyze.RunInfo{}, unreadable(err)
	}
	model := j.in.model
	c := model.Config
	info := analyze.RunInfo{
		Schema: report.Schema, Tool: "layerclust " + version, Argv: os.Args,
		Model: analyze.ModelInfo{Path: j.in.source, Type: c.ModelType, Layers: trace.Layers,
			Hidden: c.HiddenSize, Heads: c.NumHeads, SHA256: digestsOf(model.Dir, j.in.modelFiles(), sums), Config: c.Raw},
		Adapters: []analyze.AdapterInfo{}, Prompts: j.in.infos, Sites: j.in.sites, Precision: f.precision, Provider: j.provider,
		LoRAScale: f.loraScale, RepeatDepth: f.repeatDepth, Timings: j.timings, Warnings: nonNil(j.in.warnings),
		Fingerprint: j.out.fingerprint, ResumedFrom: j.from,
	}
	f.note(&info)
	for i, a := range j.in.adapters {
		info.Adapters = append(info.Adapters, adapterInfo(a, trace.Applied[i], digestsOf(a.Dir, a.Files(), sums)))
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
