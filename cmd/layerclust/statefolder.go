package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/layerclust/layerclust/loader"
)

// stateFolder is a folder laid out VARIANT/PROMPT.safetensors.
type stateFolder struct {
	dir      string
	variants []string                     // by name
	prompts  map[string]map[string]string // variant -> prompt -> path
}

// openStateFolder lists such a folder; of a run's folder, its states.
func openStateFolder(dir string) (*stateFolder, error) {
	if isFolder(filepath.Join(dir, "states")) {
		dir = filepath.Join(dir, "states")
	}
	f := &stateFolder{dir: dir, prompts: map[string]map[string]string{}}
	variants, err := os.ReadDir(dir) // by name
	if err != nil {
		return nil, loader.InputErrorf("%w", err)
	}
	for _, v := range variants {
		if !isFolder(filepath.Join(dir, v.Name())) {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, v.Name()))
		if err != nil {
			return nil, loader.InputErrorf("%w", err)
		}
		prompts := map[string]string{}
		for _, file := range files {
			if filepath.Ext(file.Name()) == ".safetensors" {
				prompts[stem(file.Name())] = filepath.Join(dir, v.Name(), file.Name())
			}
		}
		if len(prompts) > 0 {
			f.variants = append(f.variants, v.Name())
			f.prompts[v.Name()] = prompts
		}
	}
	if len(f.variants) == 0 {
		return nil, loader.InputErrorf("%s: there is no VARIANT/PROMPT.safetensors in it; states are written by extract and by run --save-states", dir)
	}
	return f, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// stem is a file's name without its extension.
func stem(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// files maps VARIANT/PROMPT to the path of each file.
func (f *stateFolder) files() map[string]string {
	all := map[string]string{}
	for variant, prompts := range f.prompts {
		for prompt, path := range prompts {
			all[variant+"/"+prompt] = path
		}
	}
	return all
}
