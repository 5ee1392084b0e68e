package testmodel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// AdapterSpec says what adapter WriteAdapter writes. A zero field takes the default named
// beside it.
type AdapterSpec struct {
	Modules []string // by their last name; q_proj and v_proj
	Layers  []int    // all; a subset is also written as layers_to_transform
	Rank    int      // 2
	Alpha   float64  // 4
	RSLoRA  bool     // divide alpha by sqrt(r) in place of r
	DoRA    bool     // a magnitude vector per module
	Zero    bool     // B = 0: the adapter as PEFT initialises it, which changes nothing
	Seed    uint64
}

// WriteAdapter writes a PEFT LoRA folder in dir for the model that spec describes:
// adapter_config.json and adapter_model.safetensors (F32). The same arguments give the same
// bytes. Unless Zero is set, B is drawn like A, so that the update is about alpha/r times
// the size of the weight: an effect that no tolerance can hide.
func WriteAdapter(t testing.TB, dir string, model Spec, spec AdapterSpec) {
	t.Helper()
	model, spec = model.withDefaults(), spec.withDefaults()
	layers := spec.Layers
	if layers == nil {
		for l := range model.Layers {
			layers = append(layers, l)
		}
	}
	var tensors []tensor
	for _, l := range layers {
		for _, p := range projections {
			if !spec.selects(p) {
				continue
			}
			out, in := model.linear(p)
			rng := rand.New(rand.NewPCG(spec.Seed, uint64(len(tensors))))
			prefix := fmt.Sprintf("base_model.model.model.layers.%d.%s.", l, p)
			tensors = append(tensors, spec.module(rng, prefix, out, in)...)
		}
	}
	writeFolder(t, dir, "adapter_config.json", spec.config(), "adapter_model.safetensors", tensors)
}

func (s AdapterSpec) withDefaults() AdapterSpec {
	if s.Modules == nil {
		s.Modules = []string{"q_proj", "v_proj"}
	}
	if s.Rank == 0 {
		s.Rank = 2
	}
	if s.Alpha == 0 {
		s.Alpha = 4
	}
	return s
}

// selects reports whether the last name of a module path is among the spec's.
func (s AdapterSpec) selects(path string) bool {
	for _, name := range s.Modules {
		if path == "self_attn."+name || path == "mlp."+name {
			return true
		}
	}
	return false
}

// module returns the tensors of one adapted module: A (r, in), B (out, r) and, for DoRA, a
// magnitude (out) near 1, which is about the norm of a row of WriteModel's matrices.
func (s AdapterSpec) module(rng *rand.Rand, prefix string, out, in int) []tensor {
	a := tensor{prefix + "lora_A.weight", "F32", []int{s.Rank, in}, draw(rng, []int{s.Rank, in})}
	b := tensor{prefix + "lora_B.weight", "F32", []int{out, s.Rank}, draw(rng, []int{out, s.Rank})}
	if s.Zero {
		clear(b.values)
	}
	list := []tensor{a, b}
	if s.DoRA {
		list = append(list, tensor{prefix + "lora_magnitude_vector", "F32", []int{out}, draw(rng, []int{out})})
	}
	return list
}

func (s AdapterSpec) config() map[string]any {
	c := map[string]any{
		"peft_type":      "LORA",
		"task_type":      "CAUSAL_LM",
		"r":              s.Rank,
		"lora_alpha":     s.Alpha,
		"lora_dropout":   0.0,
		"bias":           "none",
		"target_modules": s.Modules,
		"use_rslora":     s.RSLoRA,
		"use_dora":       s.DoRA,
		"inference_mode": true,
	}
	if s.Layers != nil {
		c["layers_to_transform"] = s.Layers
	}
	return c
}
