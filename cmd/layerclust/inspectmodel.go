package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/layerclust/layerclust/loader"
)

// modelFacts are what inspect says of a model.
type modelFacts struct {
	Kind       string           `json:"kind"` // model
	Path       string           `json:"path"`
	Type       string           `json:"model_type"`
	Layers     int              `json:"layers"`
	Hidden     int              `json:"hidden_size"`
	FFN        int              `json:"intermediate_size"`
	Heads      int              `json:"heads"`
	KVHeads    int              `json:"kv_heads"`
	HeadDim    int              `json:"head_dim"`
	Vocab      int              `json:"vocab_size"`
	Positions  int              `json:"max_position_embeddings"`
	Rope       ropeFacts        `json:"rope"`
	Tied       bool             `json:"tie_word_embeddings"`
	BOS        []int            `json:"bos"`
	Parameters int64            `json:"parameters"`
	DTypes     map[string]int64 `json:"dtypes"`              // type -> parameters
	Block      int64            `json:"block_float32_bytes"` // one block's weights in float32, as they are computed with
	Bytes      int64            `json:"bytes"`
	Files      []sizedFile      `json:"files"`
	Tokenizer  *tokenizerFacts  `json:"tokenizer"` // null where there is none
}

type ropeFacts struct {
	Type   string  `json:"type"`
	Theta  float64 `json:"theta"`
	Factor float64 `json:"factor"`
}

// tokenizerFacts are what inspect says of a tokenizer.
type tokenizerFacts struct {
	Special  []specialToken `json:"special_tokens"`
	Template []int32        `json:"template"` // special ids that it adds to a text
}

type specialToken struct {
	ID    int32  `json:"id"`
	Token string `json:"token"`
}

func inspectModel(dir string) (inspection, error) {
	m, err := loader.Open(dir)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c := m.Config
	facts := &modelFacts{Kind: "model", Path: absolute(dir), Type: c.ModelType, Layers: c.NumLayers, Hidden: c.HiddenSize,
		FFN: c.IntermediateSize, Heads: c.NumHeads, KVHeads: c.NumKVHeads, HeadDim: c.HeadDim, Vocab: c.VocabSize,
		Positions: c.MaxPositions, Rope: ropeFacts{c.Rope.Type, c.Rope.Theta, c.Rope.Factor}, Tied: c.TieEmbeddings, BOS: nonNil(c.BOS), DTypes: map[string]int64{}}
	firstBlock := m.ModulePath(0, "")
	for _, name := range m.Weights.Names() {
		if name == "lm_head.weight" && c.TieEmbeddings || strings.HasSuffix(name, ".inv_freq") {
			continue // a copy of the embedding, and what follows from the configuration
		}
		t, _ := m.Weights.Info(name)
		n := int64(t.Len())
		facts.Parameters += n
		facts.DTypes[string(t.DType)] += n
		if strings.HasPrefix(name, firstBlock) {
			facts.Block += 4 * n
		}
	}
	if facts.Files, facts.Bytes, err = sizes(dir, m.Weights.Files()); err != nil {
		return nil, err
	}
	facts.Tokenizer, err = inspectTokenizer(dir, c.VocabSize)
	return facts, err
}

// inspectTokenizer is nil where the folder has no tokenizer.
func inspectTokenizer(dir string, vocab int) (*tokenizerFacts, error) {
	t, err := loader.OpenTokenizer(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer t.Close()
	facts := &tokenizerFacts{Special: []specialToken{}, Template: []int32{}}
	for id := range int32(vocab) {
		if t.Special(id) {
			facts.Special = append(facts.Special, specialToken{id, t.Token(id)})
		}
	}
	e, err := t.Encode("a")
	if err != nil {
		return nil, err
	}
	for _, id := range e.IDs {
		if t.Special(id) {
			facts.Template = append(facts.Template, id)
		}
	}
	return facts, nil
}

// fewSpecial is how many special tokens are shown in words.
const fewSpecial = 8

func (m *modelFacts) write(w io.Writer) error {
	s := newSheet(w)
	s.line("model", "%s", m.Path)
	s.line("type", "%s", m.Type)
	s.line("layers", "%d", m.Layers)
	s.line("hidden size", "%d (feed-forward %d)", m.Hidden, m.FFN)
	s.line("attention", "%d heads of %d, %s", m.Heads, m.HeadDim, m.sharing())
	s.line("rope", "%s, theta %g, factor %g", m.Rope.Type, m.Rope.Theta, m.Rope.Factor)
	s.line("positions", "%d", m.Positions)
	s.line("vocabulary", "%d, head %s", m.Vocab, m.headText())
	s.line("parameters", "%d (%s)", m.Parameters, m.dtypeText())
	s.line("weights", "%s in %d files", bytesText(m.Bytes), len(m.Files))
	s.line("one block", "%s in float32", bytesText(m.Block))
	s.line("BOS", "%s", strings.Trim(fmt.Sprint(m.BOS), "[]"))
	if t := m.Tokenizer; t == nil {
		s.line("tokenizer", "none: prompts must come as input_ids")
	} else {
		s.line("tokenizer", "adds %s", cmp.Or(strings.Trim(fmt.Sprint(t.Template), "[]"), "nothing"))
		s.line("special", "%s", t.specialText())
	}
	return s.close()
}

// sharing says how query heads share keys and values.
func (m *modelFacts) sharing() string {
	if m.KVHeads == m.Heads {
		return "each with its own key and value"
	}
	return fmt.Sprintf("%d of keys and values, each for %d (GQA)", m.KVHeads, m.Heads/m.KVHeads)
}

func (m *modelFacts) headText() string {
	if m.Tied {
		return "tied to the embedding"
	}
	return "of its own"
}

func (m *modelFacts) dtypeText() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m.DTypes)) {
		parts = append(parts, fmt.Sprintf("%d %s", m.DTypes[name], name))
	}
	return strings.Join(parts, ", ")
}

func (t *tokenizerFacts) specialText() string {
	var parts []string
	for _, special := range t.Special[:min(len(t.Special), fewSpecial)] {
		parts = append(parts, fmt.Sprintf("%d %q", special.ID, special.Token))
	}
	if more := len(t.Special) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}
