package analyze

import "fmt"

// Base is the name of the unadapted model among the variants.
const Base = "base"

// AllPrompts is the prompt field of rows that average over prompts.
const AllPrompts = "all"

// Masks under which every measure is given.
const (
	MaskDefault = "default" // BOS, template specials and massive tokens left out
	MaskNone    = "none"    // every token kept
)

// Result is all that a report is made from. Its tables are the files of an
// output folder, so that a report can be drawn again without the model; of many
// prompts it has the rows of the first few and of AllPrompts only (see
// RunInfo.Detailed).
type Result struct {
	Run        RunInfo
	Metrics    []Row       // metrics.csv
	Histograms []Histogram // histograms.csv
	Partitions []Partition // clusters.jsonl
}

// Key names one state, or one place of all prompts.
type Key struct {
	Variant string // Base or an adapter's name
	Prompt  string // a prompt's id, or AllPrompts
	Layer   string // hidden_states index "0".."L", "L-raw" before the final norm; a block number for attn and mlp
	Site    string // resid, attn or mlp
}

func (k Key) String() string {
	return fmt.Sprintf("variant %s, prompt %s, layer %s, site %s", k.Variant, k.Prompt, k.Layer, k.Site)
}

// Row is one line of metrics.csv.
type Row struct {
	*Key   // the rows of one state share it: a long run has millions of them
	Metric string
	Mask   string
	Value  float64
	Lo, Hi float64 // 95 % interval; NaN where none is defined
	N      int     // tokens, or prompts where Prompt is AllPrompts
}

// Histogram counts the cosines of all pairs of tokens of one state, each pair
// once, in HistogramBins equal bins on [-1, 1].
type Histogram struct {
	*Key
	Mask   string
	Counts []int32 // (HistogramBins)
}

// HistogramBins is the number of bins of every Histogram: fixed, so that
// layers, prompts and variants can be compared.
const HistogramBins = 100

// Partition labels the tokens of one state by cluster: -1 is noise, nil a
// masked token. Equal labels may be one number: they are not to be changed.
type Partition struct {
	Variant string `json:"variant"`
	Prompt  string `json:"prompt"`
	Layer   string `json:"layer"`
	Site    string `json:"site"`
	Labels  []*int `json:"labels"` // (T)
}

// RunInfo is run.json: where a result comes from.
type RunInfo struct {
	Schema       int               `json:"schema"`
	Tool         string            `json:"tool"`
	Argv         []string          `json:"argv"`
	Fingerprint  string            `json:"fingerprint"` // digest of inputs and options: the same run again has the same
	Model        ModelInfo         `json:"model"`
	Adapters     []AdapterInfo     `json:"adapters"`
	Prompts      []PromptInfo      `json:"prompts"`
	Detailed     int               `json:"detailed_prompts,omitempty"` // the report shows only the first so many one by one; 0: all
	Masks        []string          `json:"masks"`
	Sites        []string          `json:"sites"`
	Precision    string            `json:"precision"`
	Provider     string            `json:"provider"`
	LoRAScale    string            `json:"lora_scale"`
	RepeatDepth  int               `json:"repeat_depth"`
	Seed         int64             `json:"seed"`
	Bootstrap    int               `json:"bootstrap"`
	Methods      map[string]string `json:"methods"` // how clusters and other choices of ours are made
	Timings      Timings           `json:"timings"`
	ResumedFrom  int               `json:"resumed_from_layer,omitempty"` // the timings are of what came after it
	PeakRSSBytes int64             `json:"peak_rss_bytes"`               // 0: unknown on this system
	Warnings     []string          `json:"warnings"`
}

// ModelInfo names the base model of a run.
type ModelInfo struct {
	Path   string            `json:"path"`
	Type   string            `json:"model_type"`
	Layers int               `json:"layers"` // blocks run, repeats counted: the L of hidden_states
	Hidden int               `json:"hidden_size"`
	Heads  int               `json:"heads"`
	SHA256 map[string]string `json:"sha256"` // file name -> digest
	Config map[string]any    `json:"config"`
}

// AdapterInfo says what of an adapter was applied, and how large it is.
type AdapterInfo struct {
	Name           string            `json:"name"`
	Path           string            `json:"path"`
	Base           string            `json:"base_model"` // that it was trained on, as it says itself
	Scale          float64           `json:"scale"`
	ModulesApplied int               `json:"modules_applied"`
	RelativeNorm   float64           `json:"relative_norm"`     // |W'-W|_F / |W|_F over the applied modules together
	RelativeMax    float64           `json:"relative_norm_max"` // the largest of one module
	Ranks          []int             `json:"ranks"`             // distinct, ascending
	Targets        []string          `json:"targets"`           // distinct module names, as q_proj
	DoRA           bool              `json:"dora"`
	SHA256         map[string]string `json:"sha256"`
}

// PromptInfo names one prompt and its tokens.
type PromptInfo struct {
	ID     string   `json:"id"`
	File   string   `json:"file"` // safe and unique name, without extension
	Tokens []int    `json:"tokens"`
	Pieces []string `json:"pieces"` // a readable piece of text per token
	N      int      `json:"n"`
	Masked []Masked `json:"masked"`
	Group  string   `json:"group,omitempty"`
	Label  string   `json:"label,omitempty"`
}

// Masked is a token that the default mask leaves out, and why.
type Masked struct {
	Position   int    `json:"position"`
	Reason     string `json:"reason"` // bos, special, massive, user
	FirstLayer int    `json:"first_layer,omitempty"`
	LastLayer  int    `json:"last_layer,omitempty"`
	Dimensions []int  `json:"dimensions,omitempty"` // that are massive
}

// Timings are seconds of the wall clock.
type Timings struct {
	Load    float64 `json:"load_s"`
	Forward float64 `json:"forward_s"`
	Analyze float64 `json:"analyze_s"`
	Report  float64 `json:"report_s"`
	Total   float64 `json:"total_s"`
}
