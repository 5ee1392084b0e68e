package main

// The presets of bound are files, too: print one with --json to see what its
// numbers lead to, or copy it to change them.
var (
	shortTimePresets = map[string]string{
		"raw": `{"dynamics": "raw", "seed": 1, "n": 8, "d": 2, "T": 1, "dt": 0.1, "delta": 0.1,
			"Q": [[1, 0], [0, 1]], "K": [[1, 0], [0, 1]], "V": [[0.5, 0], [0, 0.5]],
			"lora": {"V": [[0.5, 0], [0, 0.45]]}}`,
		"sphere": `{"dynamics": "sphere_softmax", "seed": 1, "n": 8, "d": 3, "T": 1, "dt": 0.1, "delta": 0.1,
			"Q": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "K": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "V": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
			"lora": {"V": [[1, 0, 0], [0, 0.95, 0], [0, 0, 0.95]], "Q": [[1.02, 0, 0], [0, 1, 0], [0, 0, 1]]}}`,
	}
	spectralPresets = map[string]string{
		"symmetric": `{"V": [[2, 0, 0], [0, 1, 0], [0, 0, 0.5]], "lora": {"V": [[2.1, 0.2, 0], [0.2, 0.9, 0.1], [0, 0.1, 0.5]]},
			"x0": [[1, 0.2, -0.1], [0.8, -0.3, 0.4], [0.5, 0.5, 0.5]]}`,
		"rank-one": `{"V": [[2, 0, 0], [0, 1, 0], [0, 0, 0.5]], "lora": {"V": [[2.02, 0.06, 0], [0.1, 1.3, 0], [0, 0, 0.5]]}}`,
	}
	secondClusterPresets = map[string]string{
		"time-bifurcation": `{"seed": 42, "n": 20, "d": 2, "eps": 0.01, "delta": 0.1}`,
		"no-switch":        `{"seed": 3, "n": 20, "d": 2, "eps": 0.01, "delta": 0.1}`,
	}
	consensusPresets = map[string]string{
		"consensus-drift": `{"lora": {"V": [[1, 0], [0, 0.9]]}, "c": [0.54030230586814, 0.841470984807897], "delta": 0.1}`,
	}
	normTransitionPresets = map[string]string{
		"norm-transition": `{"L": 64, "eta": 0.8, "r": 4, "d": 16}`,
		"large":           `{"L": 64, "eta": 24, "r": 4, "d": 16}`,
	}
)
