package report

import "github.com/layerclust/layerclust/analyze"

// SpectraSchema is the version of spectra.json that this package knows.
const SpectraSchema = 1

// SpectraInfo is spectra.json: what the numbers of a folder of spectra are of,
// and how they were made. The page is a function of it and of the tables, so it
// can be drawn again; times, memory and fingerprint are not shown on it.
type SpectraInfo struct {
	Schema      int      `json:"schema"`
	Tool        string   `json:"tool"`
	Argv        []string `json:"argv"`
	Fingerprint string   `json:"fingerprint"` // digest of inputs and options: the same call again has the same

	Model    *analyze.ModelInfo    `json:"model,omitempty"` // nil: adapters alone
	Adapters []analyze.AdapterInfo `json:"adapters"`        // relative norms are 0 without a model
	Provider string                `json:"provider"`        // what decomposed the dense matrices, "" where there were none

	LoRAScale   string             `json:"lora_scale"` // peft or paper
	Only        []string           `json:"only"`       // groups of quantities computed
	NormGain    string             `json:"norm_gain"`  // fold or leave
	RoPEOffsets []int              `json:"rope_offsets"`
	Top         int                `json:"top"` // leading values of dense matrices; 0: all
	Thresholds  []float64          `json:"intruder_thresholds"`
	Join        string             `json:"join,omitempty"` // the folder of the run joined
	Seed        int64              `json:"seed"`
	Conventions map[string]string  `json:"conventions"` // name -> what holds here, as "rank tolerance": a sentence each
	Predictions []string           `json:"predictions"` // sentences on the second cluster's time: where theory gives one, or why it gives none
	Timings     map[string]float64 `json:"timings"`     // seconds
	PeakRSS     int64              `json:"peak_rss_bytes"`
	Warnings    []string           `json:"warnings"`
}
