package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// repoKind says what a repository is taken for.
type repoKind int

const (
	modelRepo repoKind = iota
	adapterRepo
)

// hubFile is a file of a repository.
type hubFile struct {
	name string // with '/' between folders
	size int64  // in bytes; -1 where the hub did not say

	// etag names the file's blob: the SHA-256 of a file in large file storage, git's
	// id of another; empty where the hub did not say.
	etag string
}

// Of a repository, only files whose names stand here are ever asked for, beside
// the shards that the index names. A name that the hub lists is therefore never
// used as a path.
var (
	modelExtras = []string{"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
		"added_tokens.json", "chat_template.jinja", "chat_template.json"}

	// The README of an adapter says what base it was trained on.
	adapterExtras = []string{"README.md"}
)

// Limits of sizes, in bytes, by the file's name.
const (
	maxWeights  = 1 << 40
	maxHubSmall = 64 << 20
)

func maxHubFile(name string) int64 {
	switch {
	case path.Ext(name) == ".safetensors":
		return maxWeights
	case name == indexName:
		return maxIndex
	case name == "tokenizer.json":
		return maxTokenizerBytes
	}
	return maxHubSmall
}

// needed chooses the files of a repository. The shards of a model are not among
// them: only its index says which they are.
func (k repoKind) needed(files map[string]hubFile) ([]string, error) {
	if k == adapterRepo {
		return neededOfAdapter(files)
	}
	if _, ok := files["config.json"]; !ok {
		if _, adapter := files[adapterConfigName]; adapter {
			return nil, fmt.Errorf("there is no config.json but an %s: it is an adapter, not a model", adapterConfigName)
		}
		return nil, errors.New("there is no config.json")
	}
	names := append([]string{"config.json"}, present(files, modelExtras)...)
	_, single := files[singleName]
	_, sharded := files[indexName]
	switch {
	case single:
		return append(names, singleName), nil
	case sharded:
		return append(names, indexName), nil
	}
	return nil, noWeights(files, singleName+" and no "+indexName)
}

// neededOfAdapter takes the adapter at the top, or else every checkpoint-N folder,
// as ParseAdapterArg does.
func neededOfAdapter(files map[string]hubFile) ([]string, error) {
	folders := []string{""}
	if _, ok := files[adapterConfigName]; !ok {
		folders = nil
		for _, name := range sortedKeys(files) {
			folder, base := path.Split(name)
			if base == adapterConfigName && checkpointName.MatchString(path.Clean(folder)) {
				folders = append(folders, folder)
			}
		}
	}
	if len(folders) == 0 {
		if _, model := files["config.json"]; model {
			return nil, fmt.Errorf("there is no %s but a config.json: it is a model, not an adapter", adapterConfigName)
		}
		return nil, fmt.Errorf("there is neither %s nor a checkpoint-N folder", adapterConfigName)
	}
	var names []string
	for _, folder := range folders {
		if _, ok := files[folder+adapterFileName]; !ok {
			return nil, noWeights(files, folder+adapterFileName)
		}
		names = append(names, folder+adapterConfigName, folder+adapterFileName)
	}
	return append(names, present(files, adapterExtras)...), nil
}

// present keeps the names that the repository has.
func present(files map[string]hubFile, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := files[name]
		return !ok
	})
}

// noWeights explains a repository without safetensors.
func noWeights(files map[string]hubFile, missing string) error {
	for _, name := range sortedKeys(files) {
		switch path.Ext(name) {
		case ".bin", ".pt", ".pth", ".pkl":
			return fmt.Errorf("there is no %s but %s, a pickle, which can run code when it is read; "+
				"ask its authors for safetensors, or load it where that is safe and convert it with save_pretrained", missing, shown(name))
		}
	}
	return fmt.Errorf("there is no %s", missing)
}

// complete brings every needed file into the snapshot's folder, or finds it there.
func (s *snapshot) complete(ctx context.Context) error {
	names, err := s.kind.needed(s.files)
	if err != nil {
		return inputErrorf("%s: %w", s, err)
	}
	for _, name := range names {
		if err := s.bring(ctx, s.files[name]); err != nil {
			return err
		}
	}
	if !slices.Contains(names, indexName) {
		return nil
	}
	shards, err := s.shards()
	if err != nil {
		return err
	}
	for _, name := range shards {
		file, ok := s.files[name]
		if !ok {
			return inputErrorf("%s: there is no %s, which %s names", s, shown(name), indexName)
		}
		if err := s.bring(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// shards lists the files that the index names.
func (s *snapshot) shards() ([]string, error) {
	data, err := readBounded(filepath.Join(s.dir, indexName), maxIndex)
	if err != nil {
		return nil, err
	}
	where, err := parseIndex(data)
	if err != nil {
		return nil, inputErrorf("%s: %s: %w", s, indexName, err)
	}
	return slices.Compact(slices.Sorted(maps.Values(where))), nil
}

// cachedFiles lists a snapshot's folder, and the checkpoint-N folders in it.
func cachedFiles(dir string) (map[string]hubFile, error) {
	files := map[string]hubFile{}
	for _, pattern := range []string{"*", "checkpoint-*/*"} {
		// Not filepath.Glob: the folder's own path may hold the pattern's signs.
		names, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return nil, &inputError{err}
		}
		for _, name := range names {
			files[name] = hubFile{name: name, size: -1}
		}
	}
	return files, nil
}
