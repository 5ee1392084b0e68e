package main

import (
	"fmt"
	"slices"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// describeDense says what the numbers of the base's weights mean here, and what is
// left out of them.
func (d *dense) describeDense() {
	c := d.model.Config
	say := func(name, format string, args ...any) { d.info.Conventions[name] = fmt.Sprintf(format, args...) }
	asked := func(groups ...string) bool { return slices.ContainsFunc(groups, d.flags.wants) }
	say("variants", "an adapter has rows only where it changes a weight that decides them; elsewhere the base's hold for it too")
	if asked("v", "ov", "qk", "qk_layer") {
		say("norm_gain", "%s", d.gainText())
		if c.AttentionBias || c.OutputBias {
			say("biases", "the biases of the projections are left out: the spectra are of the linear maps alone")
		}
	}
	if asked("v") {
		d.describeV()
	}
	if asked("ov") {
		say("ov", "per head, W_O,h W_V,g with g the key and value head that head h reads; eigenvalues by modulus from the largest, as many as need not be 0")
	}
	if asked("qk", "qk_layer") {
		d.describeQK()
	}
	if asked("intruders") && len(d.adapters) > 0 {
		say("intruders", "of the 10 leading singular vectors of W + dW, those whose largest |cosine| with all singular vectors of W is below the threshold (Shuttleworth et al. 2024); "+
			"the vectors of W are kept in float32")
	}
	if d.cache.err != nil {
		d.progress.say("warning: what was computed could not be kept for another call: %v", d.cache.err)
	}
}

func (d *dense) gainText() string {
	if d.flags.normGain != "fold" {
		return "left: V, Q and K as the file has them, without the gain of the RMSNorm that they read from"
	}
	text := "folded: W diag(g) for V, Q and K, g the gain of the RMSNorm before attention"
	if d.model.Config.QKNorm {
		text += "; and those of the norms of queries and keys into Q and K"
	}
	return text
}

func (d *dense) describeV() {
	out, in := d.model.Config.ProjectionShape(modV)
	if out != in {
		d.info.Conventions["v"] = fmt.Sprintf("v_proj is (%d, %d), since heads share keys and values: it has singular values and no eigenvalues; see ov_eig", out, in)
		return
	}
	d.info.Conventions["v"] = "eigenvalues of v_proj as the paper takes them: of no map from the residual stream to itself, which ov_eig is of"
}

func (d *dense) describeQK() {
	c := d.model.Config
	single, double := spectra.ScoreTolerance(c.HiddenSize)
	d.info.Conventions["rank"] = fmt.Sprintf("qk_rank and qk_rank_layer count singular values above %.3g of the largest, numpy's default for float32 (D 2^-23); "+
		"those ending in _float64 above %.3g (D 2^-52)", single, double)
	text := fmt.Sprintf("W_Q' R W_K at query less key of %v positions, R the rotary embedding's rotation; without the factor 1/sqrt(%d)", d.flags.ropeOffsets, c.HeadDim)
	switch c.Rope.Type {
	case "yarn":
		text += fmt.Sprintf(" and YaRN's, %.4g", c.Rope.AttentionFactor*c.Rope.AttentionFactor)
	case "dynamic":
		text += "; frequencies of prompts within the training's length"
	}
	if c.QKNorm {
		text += "; the division of queries and keys by their length is left out"
	}
	d.info.Conventions["qk"] = text
	if c.NumHeads != c.NumKVHeads {
		d.info.Conventions["qk_layer"] = fmt.Sprintf("W_K' W_Q with each of the %d key heads repeated for its %d query heads: rank %d at most",
			c.NumKVHeads, c.NumHeads/c.NumKVHeads, min(c.HiddenSize, c.NumKVHeads*c.HeadDim))
	}
}
