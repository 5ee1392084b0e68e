package loader

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// AdapterRef is one adapter, or fine-tuned model, that the user asked for.
type AdapterRef struct {
	Name string // names the variant in every result, and its folder
	Dir  string

	// Scale moves every weight that the adapter changes along the line from base
	// to adapted, W + Scale (W' - W).
	Scale float64
}

// checkpointName matches the folders that a training run leaves behind.
var checkpointName = regexp.MustCompile(`^checkpoint-(\d{1,18})$`)

// ParseAdapterArg reads "[NAME=]DIR[@SCALE]". DIR is a PEFT folder, or a folder
// of checkpoint-N folders, which stands for all of them in the order of N. A
// path may itself hold '=' and '@': the reading whose DIR is the longest
// existing folder wins. The default NAME is the folder's, PARENT@checkpoint-N for
// a checkpoint; NAME given to a folder of checkpoints makes NAME@checkpoint-N.
func ParseAdapterArg(arg string) ([]AdapterRef, error) {
	return parseArg("--adapter", arg, adapterConfigName, configName, "has no adapter_config.json, it is a whole model; give it with --variant")
}

// ParseVariantArg is ParseAdapterArg for fully fine-tuned models: DIR is a model
// folder, or a folder of checkpoint-N folders.
func ParseVariantArg(arg string) ([]AdapterRef, error) {
	return parseArg("--variant", arg, configName, adapterConfigName, "has no config.json, it is a PEFT adapter; give it with --adapter")
}

// parseArg reads an argument for folders that hold the file marker; one that
// holds the file other instead is what otherwise says.
func parseArg(flag, arg, marker, other, otherwise string) ([]AdapterRef, error) {
	ref, err := splitArg(arg)
	if err != nil {
		return nil, inputErrorf("%s %s: %w", flag, shown(arg), err)
	}
	if exists(filepath.Join(ref.Dir, marker)) {
		if ref.Name == "" {
			ref.Name = defaultName(ref.Dir)
		}
		return []AdapterRef{ref}, nil
	}
	if exists(filepath.Join(ref.Dir, other)) {
		return nil, inputErrorf("%s %s: %s %s", flag, shown(arg), ref.Dir, otherwise)
	}
	checkpoints, err := checkpointsIn(ref.Dir, marker)
	if err != nil {
		return nil, err
	}
	if ref.Name == "" {
		ref.Name = folderName(ref.Dir)
	}
	refs := make([]AdapterRef, len(checkpoints))
	for i, c := range checkpoints {
		refs[i] = AdapterRef{ref.Name + "@" + c, filepath.Join(ref.Dir, c), ref.Scale}
	}
	return refs, nil
}

// splitArg takes the argument apart; Name is empty where none is given.
func splitArg(arg string) (AdapterRef, error) {
	var best AdapterRef
	var fault error
	for _, start := range append([]int{0}, after(arg, '=')...) {
		for _, end := range append([]int{len(arg) + 1}, after(arg, '@')...) {
			if end-1 < start || !isDir(arg[start:end-1]) {
				continue
			}
			ref := AdapterRef{Name: arg[:max(start-1, 0)], Dir: arg[start : end-1], Scale: 1}
			err := ref.setScale(arg[min(end, len(arg)):], end <= len(arg))
			if start > 0 && ref.Name == "" {
				err = errors.New("the name before '=' is empty")
			}
			if err != nil {
				fault = cmp.Or(fault, err)
			} else if len(ref.Dir) > len(best.Dir) {
				best = ref
			}
		}
	}
	if best.Dir != "" {
		return best, nil
	}
	if fault == nil {
		dir := arg
		if _, rest, named := strings.Cut(arg, "="); named {
			dir = rest
		}
		fault = fmt.Errorf("there is no folder %s", shown(dir))
	}
	return AdapterRef{}, fault
}

// after lists the places that follow the byte c in s.
func after(s string, c byte) []int {
	var at []int
	for i := range len(s) {
		if s[i] == c {
			at = append(at, i+1)
		}
	}
	return at
}

// setScale reads the text after '@', where there is one.
func (r *AdapterRef) setScale(text string, given bool) error {
	if !given {
		return nil
	}
	scale, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(scale, 0) || math.IsNaN(scale) {
		return fmt.Errorf("the scale %s is not a finite number", shown(text))
	}
	r.Scale = scale
	return nil
}

// checkpointsIn lists the checkpoint folders of dir, which lacks marker itself,
// by step.
func checkpointsIn(dir, marker string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, &inputError{err}
	}
	var names []string
	for _, e := range entries {
		if checkpointName.MatchString(e.Name()) && isDir(filepath.Join(dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, inputErrorf("%s: there is neither %s nor a checkpoint-N folder", dir, marker)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(checkpointStep(a), checkpointStep(b)), cmp.Compare(a, b))
	})
	return names, nil
}

func checkpointStep(name string) int64 {
	step, _ := strconv.ParseInt(checkpointName.FindStringSubmatch(name)[1], 10, 64)
	return step
}

// defaultName is the name of an adapter whose user gave none.
func defaultName(dir string) string {
	name := folderName(dir)
	if checkpointName.MatchString(name) {
		return folderName(filepath.Join(dir, "..")) + "@" + name
	}
	return name
}

// folderName is the last element of a folder's absolute path.
func folderName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return filepath.Base(dir)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// maxName bounds an adapter's name; file systems allow 255 bytes.
const maxName = 200

// safeName matches names that are safe as file names everywhere.
var safeName = regexp.MustCompile(`^[A-Za-z0-9_.@+=-]+$`)

// CheckNames demands names that can be told apart in the results and serve as
// folder names: not twice, not "base", and of letters, digits and -_.@+= only.
// Case does not tell names apart, since it does not on every file system.
func CheckNames(refs []AdapterRef) error {
	for i, ref := range refs {
		if err := checkName(ref.Name); err != nil {
			return inputErrorf("adapter %s: %w", ref.Dir, err)
		}
		for _, earlier := range refs[:i] {
			if strings.EqualFold(ref.Name, earlier.Name) {
				return inputErrorf("adapters %s and %s are both named %s; name one with NAME=DIR", earlier.Dir, ref.Dir, shown(ref.Name))
			}
		}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case strings.EqualFold(name, "base"):
		return fmt.Errorf("the name %s stands for the model without an adapter; name it with NAME=DIR", shown(name))
	case len(name) > maxName:
		return fmt.Errorf("the name %s is longer than %d bytes", shown(name), maxName)
	case !safeName.MatchString(name) || name == "." || name == "..":
		return fmt.Errorf("the name %s cannot be a file name; name it with NAME=DIR, of letters, digits and -_.@+=", shown(name))
	}
	return nil
}
