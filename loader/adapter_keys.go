package loader

import (
	"fmt"
	"regexp"
	"strings"
)

// What PEFT writes into adapter_model.safetensors, after "base_model.model." and
// a module's path:
//
//	.lora_A.weight .lora_B.weight            LoRA of a linear map, (r, in) and (out, r)
//	.lora_B.bias                             lora_bias, (out)
//	.lora_magnitude_vector                   DoRA, (out); of an embedding (D)
//	.lora_embedding_A .lora_embedding_B      LoRA of an embedding, (r, V) and (D, r)
//	.token_adapter.trainable_tokens_delta    rows of an embedding, (tokens, D)
//	.base_layer.weight .base_layer.bias      the base's own, changed (bias) or saved with the adapter
//	.weight .bias                            a module saved whole, without a mark that it is
//
// PEFT leaves its adapter's name ("default") out when it saves; other tools keep
// it. DoRA's magnitude has no ".weight" in files of PEFT, and may have one in others.

// Parts of a tensorSet.
const (
	partA          = "lora_A"
	partB          = "lora_B"
	partLoRABias   = "lora_B.bias"
	partMagnitude  = "lora_magnitude_vector"
	partEmbedA     = "lora_embedding_A"
	partEmbedB     = "lora_embedding_B"
	partTokens     = "trainable_tokens_delta"
	partBaseWeight = "base_layer.weight"
	partBaseBias   = "base_layer.bias"
	partWeight     = "weight"
	partBias       = "bias"
)

// loraParts are the parts that make a module one with LoRA.
var loraParts = []string{partA, partB, partLoRABias, partMagnitude, partEmbedA, partEmbedB}

// tensorSet is the tensors of one module by their part.
type tensorSet map[string]*TensorInfo

// hasLoRA reports whether the module has a LoRA, be it complete or not.
func (s tensorSet) hasLoRA() bool {
	for _, part := range loraParts {
		if s[part] != nil {
			return true
		}
	}
	return false
}

// embedding reports whether the LoRA has the form of an embedding's.
func (s tensorSet) embedding() bool { return s[partEmbedA] != nil || s[partEmbedB] != nil }

// adapterKeys are the forms of a tensor's name: the module's path is the first
// group; the second, where there is one, ends the part's name.
var adapterKeys = []struct {
	re   *regexp.Regexp
	part string
}{
	{keyForm(`\.lora_A(?:\.default)?\.weight`), partA},
	{keyForm(`\.lora_B(?:\.default)?\.weight`), partB},
	{keyForm(`\.lora_B(?:\.default)?\.bias`), partLoRABias},
	{keyForm(`\.lora_magnitude_vector(?:\.default)?(?:\.weight)?`), partMagnitude},
	{keyForm(`\.lora_embedding_A(?:\.default)?`), partEmbedA},
	{keyForm(`\.lora_embedding_B(?:\.default)?`), partEmbedB},
	{keyForm(`\.token_adapter\.trainable_tokens_delta(?:\.default)?`), partTokens},
	{keyForm(`(?:\.token_adapter)?\.base_layer\.weight`), partBaseWeight},
	{keyForm(`\.base_layer\.bias`), partBaseBias},
}

// wholeKey is the form of a whole parameter, to be tried last.
var wholeKey = keyForm(`\.(weight|bias)`)

func keyForm(tail string) *regexp.Regexp {
	return regexp.MustCompile(`^base_model\.model\.(.+?)` + tail + `$`)
}

// splitKey takes a tensor's name apart; false where it has none of the forms.
func splitKey(name string) (module, part string, ok bool) {
	for _, form := range adapterKeys {
		if m := form.re.FindStringSubmatch(name); m != nil {
			return m[1], form.part, true
		}
	}
	m := wholeKey.FindStringSubmatch(name)
	if m == nil || strings.Contains(m[1], ".lora_") || strings.Contains(m[1], ".modules_to_save") {
		return "", "", false
	}
	return m[1], m[2], true
}

// groupKeys sorts the file's tensors by module.
func groupKeys(file *File) (map[string]tensorSet, error) {
	sets := map[string]tensorSet{}
	var strange []string
	for _, name := range file.Names() {
		module, part, ok := splitKey(name)
		if !ok {
			strange = append(strange, shown(name)+keyReason(name))
			continue
		}
		if sets[module] == nil {
			sets[module] = tensorSet{}
		}
		if earlier := sets[module][part]; earlier != nil {
			return nil, fmt.Errorf("tensors %s and %s are the same one", shown(earlier.Name), shown(name))
		}
		info, _ := file.Info(name)
		sets[module][part] = &info
	}
	if len(strange) > 0 {
		return nil, fmt.Errorf("%d tensors are not supported: %s", len(strange), listed(strange))
	}
	if len(sets) == 0 {
		return nil, fmt.Errorf("there is no tensor in it")
	}
	return sets, nil
}

// keyReason explains some names that have none of the forms.
func keyReason(name string) string {
	if !strings.HasPrefix(name, "base_model.model.") {
		return " (does not start with base_model.model.)"
	}
	return ""
}
