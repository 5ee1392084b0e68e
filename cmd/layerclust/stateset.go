package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
	"github.com/layerclust/layerclust/report"
)

// stateSet is stored states of variants and prompts, and what is known of how
// they were made.
type stateSet struct {
	source string          // folder or first file, as given
	info   analyze.RunInfo // adapters, prompts and, of a run's folder, the rest of its run.json
	ran    bool            // a run's folder: its run.json knows the masks
	paths  [][]string      // (variants, prompts), the base first
	losses []analyze.Row   // next_token_loss of each variant and prompt
}

// openStateSet understands what analyze is given: a run's folder, a folder
// VARIANT/PROMPT.safetensors, or files of one prompt, the base's first.
func openStateSet(args []string) (*stateSet, error) {
	if slices.ContainsFunc(args, isFolder) {
		if len(args) > 1 {
			return nil, usageError{fmt.Errorf("analyze takes one folder, or files: got %s", strings.Join(args, " "))}
		}
		if _, err := os.Stat(filepath.Join(args[0], runName)); err == nil {
			return openRunStates(args[0])
		}
		return openFolderStates(args[0])
	}
	return openFileStates(args)
}

// runName is where a folder says what is in it.
const runName = "run.json"

// readRunInfo reads a run.json that may come from anywhere.
func readRunInfo(dir string) (analyze.RunInfo, error) {
	info, err := report.ReadRun(dir)
	if err != nil {
		return info, loader.InputErrorf("%w", err)
	}
	return info, nil
}

// checkRunInfo demands names that can be those of files, and positions that
// are there.
func checkRunInfo(path string, info *analyze.RunInfo) error {
	refs := make([]loader.AdapterRef, len(info.Adapters))
	for i, a := range info.Adapters {
		refs[i] = loader.AdapterRef{Name: a.Name, Dir: a.Path}
	}
	if err := loader.CheckNames(refs); err != nil {
		return loader.InputErrorf("%s: %w", path, err)
	}
	prompts := make([]loader.PromptText, len(info.Prompts))
	for i, p := range info.Prompts {
		prompts[i].ID = p.ID
		if p.ID == "" || p.File == "" || filepath.Base(p.File) != p.File || !filepath.IsLocal(p.File) {
			return loader.InputErrorf("%s: prompts[%d]: id=%.100q or file=%.100q is not a name", path, i, p.ID, p.File)
		}
		if len(p.Tokens) != p.N && len(p.Tokens) != 0 || len(p.Pieces) != p.N && len(p.Pieces) != 0 {
			return loader.InputErrorf("%s: prompts[%d]: %d tokens and %d pieces, but n=%d", path, i, len(p.Tokens), len(p.Pieces), p.N)
		}
		for _, m := range p.Masked {
			if m.Position < 0 || m.Position >= p.N {
				return loader.InputErrorf("%s: prompts[%d]: masked position %d is outside its %d tokens", path, i, m.Position, p.N)
			}
		}
	}
	if err := loader.NamePrompts(prompts); err != nil {
		return loader.InputErrorf("%s: %w", path, err)
	}
	return nil
}

// openRunStates takes variants, prompts and masks from a run's run.json.
func openRunStates(dir string) (*stateSet, error) {
	info, err := readRunInfo(dir)
	if err != nil {
		return nil, err
	}
	if err := checkRunInfo(filepath.Join(dir, runName), &info); err != nil {
		return nil, err
	}
	states := filepath.Join(dir, "states")
	if !isFolder(states) {
		return nil, loader.InputErrorf("%s: it has no states; run with --save-states, or extract", dir)
	}
	s := &stateSet{source: dir, info: info, ran: true}
	for _, variant := range s.variants() {
		var paths []string
		for _, p := range info.Prompts {
			paths = append(paths, filepath.Join(states, variant, p.File+".safetensors"))
		}
		s.paths = append(s.paths, paths)
	}
	return s, s.readLosses(dir)
}

// readLosses takes next_token_loss, which no state tells, from the metrics of
// the run.
func (s *stateSet) readLosses(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "metrics.csv")); errors.Is(err, fs.ErrNotExist) {
		s.warnLoss()
		return nil
	}
	err := report.EachMetric(dir, func(row analyze.Row) error {
		if row.Metric == lossMetric && row.Prompt != analyze.AllPrompts {
			s.losses = append(s.losses, row)
		}
		return nil
	})
	if err != nil {
		return loader.InputErrorf("%w", err)
	}
	return nil
}

const lossMetric = "next_token_loss"

// openFolderStates takes variants and prompts from the names of folders and
// files, and only the prompts that every variant has.
func openFolderStates(dir string) (*stateSet, error) {
	f, err := openStateFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &stateSet{source: dir}
	if i := slices.Index(f.variants, analyze.Base); i >= 0 {
		f.variants = slices.Insert(slices.Delete(f.variants, i, i+1), 0, analyze.Base)
	} else {
		s.warn("there is no variant base in %s: %s, the first by name, is taken for it", dir, f.variants[0])
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(f.prompts[f.variants[0]])) {
		lacks := slices.IndexFunc(f.variants, func(v string) bool { return f.prompts[v][id] == "" })
		if lacks >= 0 {
			s.warn("prompt %s is left out: variant %s has no states of it", id, f.variants[lacks])
			continue
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, loader.InputErrorf("%s: no prompt is there under every variant", f.dir)
	}
	for i, v := range f.variants {
		var paths []string
		for _, id := range ids {
			paths = append(paths, f.prompts[v][id])
		}
		s.paths = append(s.paths, paths)
		if i > 0 {
			s.info.Adapters = append(s.info.Adapters, analyze.AdapterInfo{Name: v, Path: absolute(filepath.Join(f.dir, v)), Scale: 1})
		}
	}
	return s, s.describe(ids)
}

// openFileStates takes each file for a variant of one prompt, the first for the
// base.
func openFileStates(files []string) (*stateSet, error) {
	s := &stateSet{source: files[0]}
	for i, file := range files {
		s.paths = append(s.paths, []string{file})
		if i > 0 {
			s.info.Adapters = append(s.info.Adapters, analyze.AdapterInfo{Name: stem(file), Path: absolute(file), Scale: 1})
		}
		for _, earlier := range s.variants()[:i] {
			if i > 0 && strings.EqualFold(earlier, stem(file)) {
				return nil, loader.InputErrorf("%s: the variant's name, %s, is taken; name the file otherwise", file, stem(file))
			}
		}
	}
	return s, s.describe([]string{"prompt-0"})
}

// describe notes what states alone tell of prompts and model.
func (s *stateSet) describe(ids []string) error {
	s.info.Model = analyze.ModelInfo{Path: absolute(s.source), Type: "states"}
	s.info.Precision, s.info.Provider, s.info.RepeatDepth = "unknown", "stored states", 1
	names := loader.FileNames(ids)
	for p, id := range ids {
		file, err := openStored(s.paths[0][p])
		if err != nil {
			return err
		}
		file.close()
		info := analyze.PromptInfo{ID: id, File: names[p], N: file.t}
		for _, token := range file.ids {
			info.Tokens = append(info.Tokens, int(token))
			info.Pieces = append(info.Pieces, fmt.Sprintf("#%d", token))
		}
		s.info.Prompts = append(s.info.Prompts, info)
		s.info.Model.Layers, s.info.Model.Hidden = file.layers, file.d
	}
	s.warnLoss()
	s.warn("BOS and special tokens of stored states are not known: the default mask leaves out massive tokens only")
	return nil
}

func (s *stateSet) warnLoss() {
	s.warn("%s is left out: it needs the model's head, which states do not hold", lossMetric)
}

func (s *stateSet) warn(format string, args ...any) {
	s.info.Warnings = append(s.info.Warnings, fmt.Sprintf(format, args...))
}

// adapters lists the variants but for the base.
func (s *stateSet) adapters() []string {
	var names []string
	for _, a := range s.info.Adapters {
		names = append(names, a.Name)
	}
	return names
}

func (s *stateSet) variants() []string { return append([]string{analyze.Base}, s.adapters()...) }

// each gives every state to add, the base's first at each place, and holds one
// at a time. It notes the sites.
func (s *stateSet) each(ctx context.Context, add func(analyze.State) error) error {
	sites := map[extract.Site]bool{}
	for p := range s.info.Prompts {
		if err := s.eachOfPrompt(ctx, p, sites, add); err != nil {
			return err
		}
	}
	s.info.Sites = nil
	for _, site := range allSites {
		if sites[site] {
			s.info.Sites = append(s.info.Sites, string(site))
		}
	}
	return nil
}

func (s *stateSet) eachOfPrompt(ctx context.Context, p int, sites map[extract.Site]bool, add func(analyze.State) error) error {
	files, err := s.openPrompt(p)
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	if err != nil {
		return err
	}
	base := files[0]
	x := make([]float32, base.t*base.d) // (T, D)
	for _, at := range s.shared(files) {
		sites[at.Site] = true
		for v, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			own, _ := f.find(at.placeKey)
			if err := f.read(own, 0, x); err != nil {
				return err
			}
			key := analyze.Key{Variant: s.variants()[v], Prompt: s.info.Prompts[p].ID, Layer: at.Layer, Site: string(at.Site)}
			err := add(analyze.State{Key: key, T: f.t, D: f.d, X: x})
			if err != nil && !errors.Is(err, loader.ErrInput) { // a value that is not finite, not a full disk
				err = loader.InputErrorf("%s: %w", f.path, err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// shared lists the places that every file has, and warns of the others.
func (s *stateSet) shared(files []*stored) []place {
	var shared []place
	for _, f := range files {
		for _, at := range f.places {
			lacks := slices.IndexFunc(files, func(o *stored) bool { _, ok := o.find(at.placeKey); return !ok })
			if lacks >= 0 {
				s.warn("layer %s, %s of %s is left out: %s does not have it", at.Layer, at.Site, f.path, files[lacks].path)
			} else if f == files[0] {
				shared = append(shared, at)
			}
		}
	}
	return shared
}

// openPrompt opens the files of one prompt, which must be of the same tokens
// and the same depth. It returns those it opened.
func (s *stateSet) openPrompt(p int) ([]*stored, error) {
	var files []*stored
	for v := range s.paths {
		f, err := openStored(s.paths[v][p])
		if err != nil {
			return files, err
		}
		files = append(files, f)
		if f.t != s.info.Prompts[p].N {
			return files, loader.InputErrorf("%s: %d tokens, but prompt %s has %d", f.path, f.t, s.info.Prompts[p].ID, s.info.Prompts[p].N)
		}
		if err := files[0].alike(f); err != nil {
			return files, err
		}
		if f.layers != files[0].layers {
			return files, loader.InputErrorf("%s reaches to layer %d, %s to layer %d", f.path, f.layers, files[0].path, files[0].layers)
		}
	}
	return files, nil
}
