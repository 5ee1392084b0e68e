package loader

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Which modules an adapter goes to is decided in PEFT by
// tuners_utils.check_target_module_exists, which this file restates for the
// modules of a Llama model. PEFT only warns when the outcome and the tensors of
// the file disagree, and leaves the modules without tensors at their initial
// value; OpenAdapter makes that an error.

// targets selects modules by their path.
type targets struct {
	suffixes []string       // target_modules as a list
	regex    *regexp.Regexp // target_modules as an expression for the whole path
	linear   bool           // target_modules "all-linear"

	excludeSuffixes []string
	excludeRegex    *regexp.Regexp

	layers        []int            // layers_to_transform; nil for every layer
	layerPatterns []*regexp.Regexp // layers_pattern; its last group is the layer
}

// anyLayer finds the layer number where layers_pattern is absent: the first
// number between dots that has something before it.
var anyLayer = regexp.MustCompile(`^.*?\.[^.]*\.(\d+)\.`)

// selects reports whether the adapter goes to the module of this path.
func (t *targets) selects(path string) bool {
	switch {
	case t.excludeRegex != nil && t.excludeRegex.MatchString(path):
		return false
	case matchesSuffix(t.excludeSuffixes, path):
		return false
	case t.linear:
		return slices.ContainsFunc(projections, func(p string) bool { return strings.HasSuffix(path, "."+p) })
	case t.regex != nil:
		return t.regex.MatchString(path)
	case slices.Contains(t.suffixes, path):
		return true // a whole path is meant whatever its layer
	}
	return matchesSuffix(t.suffixes, path) && t.selectsLayer(path)
}

// matchesSuffix reports whether the path is one of the names or ends with one
// after a dot.
func matchesSuffix(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return path == name || strings.HasSuffix(path, "."+name)
	})
}

func (t *targets) selectsLayer(path string) bool {
	if len(t.layers) == 0 {
		return true
	}
	expressions := t.layerPatterns
	if len(expressions) == 0 {
		expressions = []*regexp.Regexp{anyLayer}
	}
	for _, re := range expressions {
		if found := re.FindStringSubmatch(path); found != nil {
			layer, err := strconv.Atoi(found[len(found)-1])
			return err == nil && slices.Contains(t.layers, layer)
		}
	}
	return false
}

// targets reads the fields that select modules.
func (f *fields) targets() targets {
	var t targets
	t.suffixes, t.regex, t.linear = f.targetModules()
	if v := f.values["exclude_modules"]; !blank(v) {
		t.excludeSuffixes, t.excludeRegex = f.namesOrRegex("exclude_modules", v)
	}
	t.layers = f.layersToTransform()
	t.layerPatterns = f.layersPattern()
	if _, isText := f.values["target_modules"].(string); isText && f.values["layers_to_transform"] != nil {
		f.failf("layers_to_transform cannot go with target_modules=%s, a string", shown(f.values["target_modules"]))
	}
	if len(t.layerPatterns) > 0 && f.values["layers_to_transform"] == nil {
		f.failf("layers_pattern is given without layers_to_transform")
	}
	return t
}

// targetModules reads target_modules; null has PEFT's choice for Llama.
func (f *fields) targetModules() (suffixes []string, regex *regexp.Regexp, linear bool) {
	v := f.values["target_modules"]
	if v == nil {
		return []string{"q_proj", "v_proj"}, nil, false
	}
	if s, ok := v.(string); ok && strings.EqualFold(s, "all-linear") {
		return nil, nil, true
	}
	if blank(v) {
		f.failf("target_modules=%s selects nothing", shown(v))
		return nil, nil, false
	}
	suffixes, regex = f.namesOrRegex("target_modules", v)
	return suffixes, regex, false
}

// namesOrRegex reads a list of names or an expression for a whole path.
func (f *fields) namesOrRegex(key string, v any) ([]string, *regexp.Regexp) {
	if s, ok := v.(string); ok {
		re, err := compilePython(`^(?:`, s, `)$`)
		if err != nil {
			f.failf("%s=%s: %w", key, shown(v), err)
		}
		return nil, re
	}
	return f.names(key, v), nil
}

// names reads a list of strings.
func (f *fields) names(key string, v any) []string {
	list, ok := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		s, isText := e.(string)
		ok = ok && isText
		out = append(out, s)
	}
	if !ok {
		f.failf("%s=%s is not a list of strings", key, shown(v))
	}
	return out
}

// layersToTransform reads an integer or a list of them.
func (f *fields) layersToTransform() []int {
	v := f.values["layers_to_transform"]
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	layers := make([]int, 0, len(list))
	for _, e := range list {
		n, ok := integer(e)
		if !ok {
			f.failf("layers_to_transform=%s is not an integer or a list of them", shown(v))
			return nil
		}
		layers = append(layers, n)
	}
	return layers
}

// layersPattern reads one expression or a list of them, for the name before the
// layer number.
func (f *fields) layersPattern() []*regexp.Regexp {
	v := f.values["layers_pattern"]
	if blank(v) {
		return nil
	}
	if s, ok := v.(string); ok {
		v = []any{s}
	}
	var out []*regexp.Regexp
	for _, text := range f.names("layers_pattern", v) {
		re, err := compilePython(`^(?:(?:.*?\.)?`, text, `\.(\d+)\.)`)
		if err != nil {
			f.failf("layers_pattern: %s: %w", shown(text), err)
			return nil
		}
		out = append(out, re)
	}
	return out
}

// pattern is an entry of rank_pattern or alpha_pattern.
type pattern struct {
	regex *regexp.Regexp
	value float64
}

// firstMatch is the first pattern that matches a module's path, or nil.
func firstMatch(list []pattern, path string) *pattern {
	for i := range list {
		if list[i].regex.MatchString(path) {
			return &list[i]
		}
	}
	return nil
}

// maxPattern bounds an expression in bytes; a list of every module of a large
// model, joined by '|', has about 20,000.
const maxPattern = 64 << 10

// compilePython compiles an expression of Python's re module between two of
// ours. Go's regexp knows less (no lookaround, no back-references) and gives some
// forms another meaning; both are refused, the rest means the same for ASCII
// paths.
func compilePython(before, text, after string) (*regexp.Regexp, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("expression is longer than %d bytes", maxPattern)
	}
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case text[i] == '\\':
			if i+1 < len(text) && strings.IndexByte("pPQEzCaX", text[i+1]) >= 0 {
				return nil, fmt.Errorf("expression with %s is not supported", shown(rest[:2]))
			}
			i++
		case strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:") && !strings.HasPrefix(rest, "(?P<"):
			return nil, errors.New("expression with " + shown(rest[:min(4, len(rest))]) + " is not supported")
		case strings.HasPrefix(rest, "[[") || strings.HasPrefix(rest, "[^["):
			return nil, errors.New("expression with a bracket in a class is not supported")
		}
	}
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("expression is not supported: %s", shown(err.Error()))
	}
	re, err := regexp.Compile(before + text + after)
	if err != nil {
		return nil, fmt.Errorf("expression is not supported: %s", shown(err.Error()))
	}
	return re, nil
}
