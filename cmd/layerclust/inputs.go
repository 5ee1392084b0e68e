package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/layerclust/layerclust/analyze"
	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/loader"
)

// inputFlags are the flags of run and extract.
type inputFlags struct {
	outputFlags
	measureFlags
	chatFlags
	command     string // run or extract
	adapters    []string
	variants    []string
	prompts     []promptArg
	maskWords   string // a file of words
	layers      string
	sites       []string
	saveStates  bool
	twin        bool
	precision   string
	repeatDepth int
	loraScale   string
	threads     int
	backend     string
	maxMemory   byteSize
	resume      bool
	revision    string
}

// promptArg is one --prompt or --prompts, in the order of the command line.
type promptArg struct {
	file  bool
	value string
}

// promptValue is a flag that appends to the one list of prompts.
type promptValue struct {
	list *[]promptArg
	file bool
}

func (v promptValue) Set(s string) error {
	*v.list = append(*v.list, promptArg{v.file, s})
	return nil
}
func (v promptValue) String() string { return "" }
func (v promptValue) Type() string {
	if v.file {
		return "FILE"
	}
	return "TEXT"
}

var _ pflag.Value = promptValue{}

func (f *inputFlags) register(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayVar(&f.adapters, "adapter", nil, "`[NAME=]DIR[@SCALE]` of a PEFT adapter, or of a folder of checkpoint-N folders; repeatable")
	flags.StringArrayVar(&f.variants, "variant", nil, "`[NAME=]DIR[@SCALE]` of a fully fine-tuned model to compare with the base, or of a folder of checkpoint-N folders; repeatable")
	flags.Var(promptValue{&f.prompts, false}, "prompt", "a prompt; repeatable")
	flags.Var(promptValue{&f.prompts, true}, "prompts", "prompts from a .txt (one) or .jsonl file, or - for standard input; repeatable")
	f.chatFlags.register(flags)
	flags.StringVar(&f.maskWords, "mask-words", "", "`FILE` of words, one a line, whose tokens the default mask leaves out, too")
	f.outputFlags.register(flags)
	flags.StringVar(&f.layers, "layers", "", "hidden_states indices, as `0-5,12,-1` (default all)")
	flags.StringSliceVar(&f.sites, "sites", []string{"resid"}, "where states are taken: `resid,attn,mlp`")
	flags.StringVar(&f.precision, "precision", "f32", "`f32`, or bf16: activations rounded before each product")
	flags.IntVar(&f.repeatDepth, "repeat-depth", 1, "run the stack of blocks `N` times")
	flags.StringVar(&f.loraScale, "lora-scale", "peft", "`peft`, or paper: without the factor alpha/r")
	flags.StringVar(&f.revision, "revision", "", "branch, tag or commit of a MODEL from the hub")
	flags.IntVar(&f.threads, "threads", 0, "processor threads (default all)")
	flags.StringVar(&f.backend, "backend", extract.EngineAuto, "`auto|native|go|xla`: what computes; auto is native where this machine has a kernel for it")
	flags.Var(&f.maxMemory, "max-memory", "memory for states and work, as `8GiB`, 500MB or bytes (default a quarter of the machine's)")
	flags.BoolVar(&f.resume, "resume", true, "go on where an ended run of the same inputs and options left off")
	f.measureFlags.register(flags)
}

// check refuses values that no run could use.
func (f *inputFlags) check() error {
	if err := cmp.Or(f.outputFlags.check(), f.measureFlags.check(), f.chatFlags.check()); err != nil {
		return err
	}
	switch {
	case len(f.prompts) == 0:
		return usageError{fmt.Errorf("no prompt: give --prompt TEXT or --prompts FILE")}
	case f.precision != "f32" && f.precision != "bf16":
		return usageError{fmt.Errorf("--precision %s: want f32 or bf16", f.precision)}
	case f.loraScale != "peft" && f.loraScale != "paper":
		return usageError{fmt.Errorf("--lora-scale %s: want peft or paper", f.loraScale)}
	case f.repeatDepth < 1 || f.repeatDepth > maxRepeat:
		return usageError{fmt.Errorf("--repeat-depth %d: want 1 to %d", f.repeatDepth, maxRepeat)}
	case f.threads < 0:
		return usageError{fmt.Errorf("--threads %d: want 0 or more", f.threads)}
	case !extract.IsEngine(f.backend):
		return usageError{fmt.Errorf("--backend %s: want %s or xla:PLUGIN", f.backend, strings.Join(extract.Engines, ", "))}
	case f.twin && !slices.Contains(f.sites, string(extract.Resid)):
		return usageError{fmt.Errorf("--twin: it is about the residual stream, and --sites leaves resid out")}
	case len(f.sites) == 0:
		return usageError{fmt.Errorf("--sites is empty: want resid, attn or mlp")}
	}
	for _, site := range f.sites {
		if !slices.Contains(allSites, extract.Site(site)) {
			return usageError{fmt.Errorf("--sites %s: want resid, attn or mlp", site)}
		}
	}
	if f.threads > 0 {
		runtime.GOMAXPROCS(f.threads)
	}
	return nil
}

const maxRepeat = 1000

var allSites = []extract.Site{extract.Resid, extract.Attn, extract.MLP}

// inputs is all that a run reads, opened and checked.
type inputs struct {
	source    string // the model as it was named: a folder or a hub id
	model     *loader.Model
	tokenizer loader.Tokenizer  // nil where the folder has none and every prompt came as ids
	chat      *loader.Chat      // nil without --chat
	adapters  []*loader.Adapter // and fine-tuned models, after them
	prompts   []extract.Prompt
	infos     []analyze.PromptInfo // one for each prompt, with the user's mask
	layers    *layerSet
	sites     []string // of allSites, in their order
	pieces    map[int32]string
	warnings  []string
}

// open reads everything that the flags name.
func (f *inputFlags) open(ctx context.Context, model string, stdin io.Reader, stderr io.Writer) (*inputs, error) {
	in := &inputs{source: model, pieces: map[int32]string{}}
	hub := loader.HubOptions{Revision: f.revision, Progress: stderr}
	if f.quiet {
		hub.Progress = nil
	}
	dir, err := loader.ResolveModel(ctx, model, hub)
	if err != nil {
		return nil, err
	}
	if in.model, err = loader.Open(dir); err != nil {
		return nil, err
	}
	if err := in.openAdapters(ctx, f, hub); err != nil {
		return nil, err
	}
	if err := in.openPrompts(f, stdin); err != nil {
		return nil, err
	}
	for _, site := range allSites {
		if slices.Contains(f.sites, string(site)) {
			in.sites = append(in.sites, string(site))
		}
	}
	in.layers, err = parseLayers(f.layers, in.model.Config.NumLayers*f.repeatDepth)
	return in, err
}

func (in *inputs) warn(format string, args ...any) {
	in.warnings = append(in.warnings, fmt.Sprintf(format, args...))
}

func (in *inputs) openPrompts(f *inputFlags, stdin io.Reader) error {
	texts, err := readPrompts(f.prompts, stdin, loader.PromptOptions{Chat: f.chat})
	if err != nil {
		return err
	}
	if in.chat, err = f.chatFlags.open(in.model.Dir); err != nil {
		return err
	}
	if in.tokenizer, err = tokenizerFor(in.model.Dir, texts); err != nil {
		return err
	}
	if in.tokenizer != nil && in.tokenizer.Warning() != "" {
		in.warn("%s", in.tokenizer.Warning())
	}
	names := make([]string, len(texts))
	for i, p := range texts {
		names[i] = p.ID
	}
	for i, file := range loader.FileNames(names) {
		ids, err := f.encode(texts[i], in.tokenizer, in.chat)
		if err == nil {
			err = in.addPrompt(texts[i], ids, file)
		}
		if err != nil {
			return loader.InputErrorf("prompt %q: %w", texts[i].ID, err)
		}
	}
	return in.maskWords(f.maskWords)
}

// readPrompts gathers the prompts of the command line, named.
func readPrompts(args []promptArg, stdin io.Reader, o loader.PromptOptions) ([]loader.PromptText, error) {
	var all []loader.PromptText
	for _, arg := range args {
		if !arg.file {
			if arg.value == "" {
				return nil, usageError{fmt.Errorf("--prompt: the prompt is empty")}
			}
			all = append(all, loader.PromptText{Text: arg.value})
			continue
		}
		p, err := loader.ReadPrompts(arg.value, stdin, o)
		if err != nil {
			return nil, err
		}
		all = append(all, p...)
	}
	return all, loader.NamePrompts(all)
}

// tokenizerFor opens the model's tokenizer; a folder without one will do where
// every prompt comes as ids.
func tokenizerFor(dir string, prompts []loader.PromptText) (loader.Tokenizer, error) {
	t, err := loader.OpenTokenizer(dir)
	if err == nil {
		return t, nil
	}
	if !errors.Is(err, fs.ErrNotExist) { // a damaged one would leave special tokens unmasked
		return nil, err
	}
	if slices.ContainsFunc(prompts, func(p loader.PromptText) bool { return p.IDs == nil }) {
		return nil, fmt.Errorf("%w; prompts as input_ids need none", err)
	}
	return nil, nil
}

// addPrompt notes the tokens of one prompt and the positions that the default
// mask leaves out whatever the states are.
func (in *inputs) addPrompt(p loader.PromptText, ids []int32, file string) error {
	info := analyze.PromptInfo{ID: p.ID, File: file, Group: p.Group, Label: p.Label}
	config := in.model.Config
	for i, id := range ids {
		info.Tokens = append(info.Tokens, int(id))
		info.Pieces = append(info.Pieces, in.piece(id))
		switch {
		case slices.Contains(p.Mask, i):
			info.Masked = append(info.Masked, analyze.Masked{Position: i, Reason: "user"})
		case i == 0 && in.isBOS(id):
			info.Masked = append(info.Masked, analyze.Masked{Position: i, Reason: "bos"})
		case in.tokenizer != nil && in.tokenizer.Special(id):
			info.Masked = append(info.Masked, analyze.Masked{Position: i, Reason: "special"})
		}
	}
	info.N = len(ids)
	for _, at := range p.Mask {
		if at < 0 || at >= len(ids) {
			return fmt.Errorf("mask: position %d is outside its %d tokens", at, len(ids))
		}
	}
	if len(ids) > 1 && in.isBOS(ids[0]) && ids[1] == ids[0] {
		in.warn("prompt %q begins with two BOS tokens: its text has one, and the tokenizer adds one", p.ID)
	}
	if len(ids) > config.MaxPositions {
		in.warn("prompt %q has %d tokens, more than the %d positions the model was made for (max_position_embeddings)", p.ID, len(ids), config.MaxPositions)
	}
	in.prompts = append(in.prompts, extract.Prompt{ID: p.ID, IDs: ids})
	in.infos = append(in.infos, info)
	return nil
}

// isBOS says whether id is a BOS of the model. Some models name as BOS a token
// that their tokenizer uses for something else as well, so only position 0 counts.
func (in *inputs) isBOS(id int32) bool {
	return slices.Contains(in.model.Config.BOS, int(id))
}

// piece is the piece of a token, which many prompts share.
func (in *inputs) piece(id int32) string {
	text, ok := in.pieces[id]
	if !ok {
		text = piece(in.tokenizer, id)
		in.pieces[id] = text
	}
	return text
}

// piece is a token's text as a reader knows it: a leading space stays.
func piece(t loader.Tokenizer, id int32) string {
	if t == nil {
		return fmt.Sprintf("#%d", id)
	}
	text, err := t.Decode([]int32{id})
	if err != nil {
		return t.Token(id)
	}
	if strings.HasPrefix(t.Token(id), "▁") && !strings.HasPrefix(text, " ") {
		return " " + text // decoding one token alone strips the space of a text's first word
	}
	return text
}

// names lists the adapters in the order given.
func (in *inputs) names() []string {
	names := make([]string, len(in.adapters))
	for i, a := range in.adapters {
		names[i] = a.Name
	}
	return names
}

func (in *inputs) close() {
	for _, a := range in.adapters {
		a.Close()
	}
	if in.model != nil {
		in.model.Close()
	}
	if in.tokenizer != nil {
		in.tokenizer.Close()
	}
}

// tokenizerConfig has a say in the ids, too.
const tokenizerConfig = "tokenizer_config.json"

// modelFiles are the files of a model's folder that decide what it does.
func (in *inputs) modelFiles() []string {
	files := append([]string{"config.json"}, in.model.Weights.Files()...)
	if in.tokenizer != nil {
		files = append(files, "tokenizer.json")
		if _, err := os.Stat(filepath.Join(in.model.Dir, tokenizerConfig)); err == nil {
			files = append(files, tokenizerConfig)
		}
	}
	if in.chat != nil && !slices.Contains(files, in.chat.File) {
		files = append(files, in.chat.File)
	}
	return files
}

// variantName is the variant of a state as the files name it.
func (in *inputs) variantName(v int) string {
	if v == 0 {
		return analyze.Base
	}
	return in.adapters[v-1].Name
}

// absolute makes a path that still means the same from another folder.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
