package spectra

import (
	"slices"
	"strings"

	"github.com/layerclust/layerclust/analyze"
)

// definitions are the quantities of spectra.csv. W is a weight of the base
// (out, in), W' the same with an adapter, dW = W' - W; A (r, in) and B (out, r)
// are LoRA's factors and s its scale, alpha/r with what the user sets; U, V are
// singular vectors, sigma singular values, lambda eigenvalues; d is the width of
// the model and k a head's.
var definitions = []analyze.Definition{
	{Name: "lora_sv", Formula: "singular values of s B A, from those of the (r, r) matrix s R_B R_A' with B = Q_B R_B, A' = Q_A R_A", Source: "Hu et al. 2021, eq. 3"},
	{Name: "lora_eig", Formula: "eigenvalues of s B A, from those of the (r, r) matrix s A B; square updates only", Source: "Koubbi et al. 2024"},
	{Name: "lora_rank", Formula: "number of sigma(s B A) above max(out, in) 2^-23 sigma_1"},
	{Name: "lora_energy", Formula: "sum of the leading sigma_i^2 over the sum of all; the index counts the directions from 0"},
	{Name: "delta_norm", Formula: "|s B A|_F, in the units of the weights"},
	{Name: "effective_sv", Formula: "singular values of W' - W where that is no product B A, as DoRA's", Source: "Liu et al. 2024, eq. 5"},
	{Name: "effective_norm", Formula: "|W' - W|_F where that is no product B A, as DoRA's", Source: "Liu et al. 2024, eq. 5"},
	{Name: "relative_norm", Formula: "|dW|_F / |W|_F"},
	{Name: "sigma_ratio", Formula: "sigma_1(dW) / sigma_1(W)"},
	{Name: "stable_rank", Formula: "|dW|_F^2 / sigma_1^2", Source: "Rudelson and Vershynin 2007"},
	{Name: "effective_rank", Formula: "exp(-sum p_i ln p_i), p_i = sigma_i / sum sigma", Source: "Roy and Vetterli 2007"},
	{Name: "rank90", Formula: "the fewest leading directions with 90 % of |dW|_F^2"},
	{Name: "rank99", Formula: "the fewest leading directions with 99 % of |dW|_F^2"},
	{Name: "utilisation", Formula: "effective_rank / r"},
	{Name: "eig_ratio", Formula: "|lambda_1| / sigma_1 of the update: 0 for a nilpotent map, 1 for a normal one"},
	{Name: "nonnormality", Formula: "sqrt(|dW|_F^2 - sum |lambda|^2) / |dW|_F: 0 for a normal map, 1 for a nilpotent one", Source: "Henrici 1962"},
	{Name: "amplification", Formula: "|dW|_F / |U' W V'|_F with U, V' the singular vectors of dW, as many as the rank of B A", Source: "Hu et al. 2021, section 7.3"},
	{Name: "share_left", Formula: "|U_k' dW|_F^2 / |dW|_F^2 with the k leading left singular vectors of W; the index is k", Source: "Hu et al. 2021, section 7.3", Note: "a random change has k / out"},
	{Name: "share_right", Formula: "|dW V_k|_F^2 / |dW|_F^2 with the k leading right singular vectors of W; the index is k", Source: "Hu et al. 2021, section 7.3", Note: "a random change has k / in"},
	{Name: "intruder_cosine", Formula: "max over i of |<y_j, u_i>|, y_j the 10 leading left singular vectors of W', u_i all those of W", Source: "Shuttleworth et al. 2024, algorithm 1"},
	{Name: "intruders", Formula: "number of the 10 leading left singular vectors of W' whose intruder_cosine is below a threshold; the index is the threshold's place", Source: "Shuttleworth et al. 2024, algorithm 1"},
	{Name: "weight_sv", Formula: "the 10 largest singular values of W'"},
	{Name: "path_cos_final", Formula: "cosine of the update of a checkpoint and the last one's, as vectors of their elements"},
	{Name: "path_cos_previous", Formula: "cosine of the update of a checkpoint and the one's before"},
	{Name: "path_step_norm", Formula: "|dW(t) - dW(t-1)|_F of checkpoints that follow one another"},
	{Name: "path_step_cos", Formula: "cosine of the steps into a checkpoint and out of it: 1 for a straight path"},
	{Name: "path_angle_left", Formula: "angle in radians between the leading left singular vectors of a checkpoint's update and the last one's"},
	{Name: "path_angle_right", Formula: "angle in radians between the leading right singular vectors of a checkpoint's update and the last one's"},
	{Name: "path_phi_left", Formula: "|U_A' U_B|_F^2 / min(rank) of the column spaces of a checkpoint's update and the last one's", Source: "Hu et al. 2021, section 7.2"},
	{Name: "path_phi_right", Formula: "|V_A' V_B|_F^2 / min(rank) of the row spaces of a checkpoint's update and the last one's", Source: "Hu et al. 2021, section 7.2"},
	{Name: "v_eig", Formula: "eigenvalues of v_proj (out, in), square ones only", Source: "Koubbi et al. 2024", Note: "it maps into the heads, not back to the residual stream: see ov_eig"},
	{Name: "v_sv", Formula: "singular values of v_proj", Source: "Koubbi et al. 2024"},
	{Name: "ov_eig", Formula: "eigenvalues of W_O,h W_V,g (d, d) that need not be 0, from the (k, k) product in the other order"},
	{Name: "ov_sv", Formula: "singular values of W_O,h W_V,g that need not be 0"},
	{Name: "ov_norm", Formula: "|W_O,h W_V,g|_F"},
	{Name: "ov_copying", Formula: "sum lambda / sum |lambda| of W_O,h W_V,g: 1 where a head adds to what is there, -1 where it takes away", Source: "Elhage et al. 2021"},
	{Name: "qk_sv", Formula: "singular values of W_Q,h' R W_K,g (d, d) that need not be 0, R the rotation of RoPE at an offset; a name without @ is of offset 0"},
	{Name: "qk_norm", Formula: "|W_Q,h' R W_K,g|_F"},
	{Name: "qk_rank", Formula: "number of qk_sv above d 2^-23 times the largest, as numpy's matrix_rank in float32"},
	{Name: "qk_rank_float64", Formula: "number of qk_sv above d 2^-52 times the largest"},
	{Name: "qk_symmetric", Formula: "|(M + M') / 2|_F^2 / |M|_F^2 with M = W_Q,h' R W_K,g; the rest is antisymmetric"},
	{Name: "qk_sv_layer", Formula: "singular values of W_K' W_Q (d, d), the sum over all heads of a layer", Source: "Koubbi et al. 2024"},
	{Name: "qk_rank_layer", Formula: "number of qk_sv_layer above d 2^-23 times the largest", Source: "Koubbi et al. 2024", Note: "it mixes heads, and what counts as zero hangs on the tolerance alone"},
	{Name: "qk_rank_layer_float64", Formula: "number of qk_sv_layer above d 2^-52 times the largest"},
}

// leadingDefinitions are what is said of the eigenvalues of a map; their names
// begin with the map's.
var leadingDefinitions = []analyze.Definition{
	{Name: "_leading", Formula: "the eigenvalue of the largest real part; that of a pair above the axis"},
	{Name: "_gap", Formula: "largest real part less the next largest; 0 for a complex pair"},
	{Name: "_radius", Formula: "largest modulus of an eigenvalue"},
	{Name: "_radius_gap", Formula: "largest modulus less the next largest; 0 for a complex pair"},
	{Name: "_complex", Formula: "share of eigenvalues that are not real"},
	{Name: "_positive", Formula: "share of eigenvalues with a positive real part"},
}

// variations are what the end of a name says of the quantity before it.
var variations = []struct{ suffix, note string }{
	{"_right", "of right singular vectors"},
	{"_random", "of B A with independent normal elements, of the same shape and norm: the mean of the draws"},
	{"_random_lo", "of random B A of the same shape and norm: the 2.5 % quantile of the draws"},
	{"_random_hi", "of random B A of the same shape and norm: the 97.5 % quantile of the draws"},
}

// Define says what a quantity of spectra.csv is, whatever the offset and side
// that its name ends in; ok is false for one that is not known.
func Define(quantity string) (d analyze.Definition, ok bool) {
	stem, offset, at := strings.Cut(quantity, "@")
	d, ok = define(stem)
	d.Name = quantity
	if at {
		d.Note = note(d.Note, "at offset "+offset)
	}
	return d, ok
}

func define(name string) (analyze.Definition, bool) {
	if i := slices.IndexFunc(definitions, func(d analyze.Definition) bool { return d.Name == name }); i >= 0 {
		return definitions[i], true
	}
	for _, of := range []struct{ prefix, what string }{{"v", "v_eig"}, {"ov", "ov_eig"}} {
		for _, d := range leadingDefinitions {
			if of.prefix+d.Name == name {
				d.Note = note(d.Note, "of "+of.what)
				return d, true
			}
		}
	}
	for _, v := range variations {
		if stem, found := strings.CutSuffix(name, v.suffix); found {
			d, ok := define(stem)
			d.Note = note(d.Note, v.note)
			return d, ok
		}
	}
	return analyze.Definition{}, false
}

func note(list, more string) string {
	if list == "" {
		return more
	}
	return list + "; " + more
}
