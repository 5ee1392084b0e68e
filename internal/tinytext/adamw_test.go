package tinytext

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestAdamW compares with torch.optim.AdamW and clip_grad_norm_ of torch 2.15.0
// (testdata/make_adamw.py), in float64 there and with weights and moments in
// float32 here, so to a few of its roundings.
func TestAdamW(t *testing.T) {
	data, err := os.ReadFile("testdata/adamw.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Start     [][]float32
		Gradients [][][]float32
		Rates     []float64
		After     [][][]float64
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	adamw := AdamW{Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, Decay: 0.1, Clip: 3}
	weights := golden.Start
	state := make([]moments, len(weights))
	for i, w := range weights {
		state[i] = moments{make([]float32, len(w)), make([]float32, len(w))}
	}
	clipped := 0
	for step, gradients := range golden.Gradients {
		factor := adamw.clipFactor(gradients)
		if factor < 1 {
			clipped++
		}
		for i := range weights {
			adamw.update(weights[i], gradients[i], state[i], step+1, golden.Rates[step], factor, i == 0)
			for k, want := range golden.After[step][i] {
				if math.Abs(float64(weights[i][k])-want) > 2e-6 {
					t.Errorf("step %d, weight %d[%d]: %.8f, torch has %.8f", step+1, i, k, weights[i][k], want)
				}
			}
		}
	}
	if clipped == 0 || clipped == len(golden.Gradients) {
		t.Errorf("%d of %d steps were clipped, so that one of the two ways is not tested", clipped, len(golden.Gradients))
	}
}

// TestSchedule has rates by hand: a tenth of the way up, the peak, halfway
// between peak and floor, the floor.
func TestSchedule(t *testing.T) {
	s := Schedule{Peak: 2, Floor: 0.1, Warmup: 10, Steps: 110}
	for step, want := range map[int]float64{1: 0.2, 10: 2, 60: 1.1, 110: 0.2, 200: 0.2} {
		if got := s.Rate(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}
