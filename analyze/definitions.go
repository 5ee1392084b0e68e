package analyze

import (
	"fmt"
	"math"
	"strings"
	"sync"
)

// Definition says what a metric is, for `layerclust metrics` and the method
// appendix of the report.
type Definition struct {
	Name    string
	Formula string
	Source  string
	Note    string // when it is undefined, and how to read it
}

// DeltaSuffix marks a row of AllPrompts that is the mean over prompts of the
// adapter's value less the base's.
const DeltaSuffix = "_delta"

// ClusterMethod says how `clusters` and the partitions are made, for run.json.
func ClusterMethod() string {
	return fmt.Sprintf("HDBSCAN (excess of mass) on the angles between tokens, min_cluster_size %d, min_samples %d; "+
		"the whole prompt is a candidate cluster only for tokens joined at cosine %g or more, so one cluster and none are possible answers",
		clusterOptions.MinClusterSize, clusterOptions.MinSamples, consensusCosine)
}

// MassiveMethod says which tokens count as massive, for run.json.
func MassiveMethod() string {
	return fmt.Sprintf("max|x_i| > %d and > %d x median|x| over the state (arXiv 2402.17762), or |x_i| > %d x the median norm; "+
		"in the residual stream of the base, at any layer", massiveMagnitude, massiveRatio, massiveNorm)
}

// Definitions lists every metric in the order of the tables. X (T, D) is the
// state after the mask, x_i its tokens, s its singular values, G the cosines.
func Definitions() []Definition { return definitions() }

// Define returns the definition of a metric, also of its difference to the base.
func Define(metric string) (Definition, bool) {
	name, isDelta := strings.CutSuffix(metric, DeltaSuffix)
	for _, d := range definitions() {
		if d.Name != name {
			continue
		}
		if isDelta {
			d.Name = metric
			d.Formula = "mean over prompts of adapter minus base of: " + d.Formula
		}
		return d, true
	}
	return Definition{}, false
}

var definitions = sync.OnceValue(func() []Definition {
	var all []Definition
	all = append(all, cosineDefinitions()...)
	all = append(all, spectralDefinitions()...)
	all = append(all, clusterDefinitions()...)
	all = append(all, comparisonDefinitions()...)
	return append(all, twinDefinitions()...)
})

var metricRanks = sync.OnceValue(func() map[string]int {
	ranks := map[string]int{}
	for i, d := range definitions() {
		ranks[d.Name] = i
	}
	return ranks
})

func metricRank(metric string) int {
	if r, ok := metricRanks()[metric]; ok {
		return r
	}
	return math.MaxInt
}

const needsPair = "undefined for fewer than two tokens; a zero token has cosine 0 with every other"

func cosineDefinitions() []Definition {
	all := []Definition{
		{"cosine_mean", "mean of G_ij over i < j", "Ethayarajh 2019; arXiv 2402.15415", needsPair},
		{metricPaper, "mean of G_ij over all i, j, diagonal included", "arXiv 2402.15415, its scripts",
			"every token, mask none only; equals 1/T + (1 - 1/T) cosine_mean, so it depends on T"},
		{"cosine_mean_centred", "cosine_mean of x_i - mean(x)", "Timkey and van Schijndel, arXiv 2109.04404",
			"takes out an offset that all tokens share; undefined when all tokens are equal"},
	}
	for i, q := range quantileLevels {
		all = append(all, Definition{quantileNames[i], fmt.Sprintf("%g quantile of G_ij, i < j", q),
			"Hyndman and Fan 1996, type 7", needsPair})
	}
	for i, tau := range thresholds {
		all = append(all, Definition{aboveNames[i], fmt.Sprintf("share of pairs i < j with G_ij >= %g", tau),
			"arXiv 2402.15415 (histograms)", needsPair})
	}
	return all
}

func spectralDefinitions() []Definition {
	const zero = "undefined when every token is zero; at most min(T, D)"
	const equal = "undefined when all tokens are equal"
	return []Definition{
		{"effective_rank", "exp(-sum p log p), p = s/sum(s)", "Roy and Vetterli 2007", zero},
		{"effective_rank_centred", "effective_rank of x_i - mean(x)", "Roy and Vetterli 2007", equal},
		{"participation_ratio", "(sum s^2)^2 / sum s^4", "Gao et al. 2017", zero},
		{"participation_ratio_centred", "participation_ratio of x_i - mean(x)", "Gao et al. 2017", equal},
		{"stable_rank", "sum s^2 / s_1^2", "Rudelson and Vershynin 2007", zero},
		{"anisotropy", "s_1^2 / sum s^2 of x_i - mean(x)", "Razzhigaev et al., arXiv 2311.05928",
			"share of the variance along one direction; " + equal},
		{"spread", "sum |x_i - mean(x)|^2 / sum |x_i|^2", "Wu et al., arXiv 2405.18781 (squared, normalised)",
			"0: rank collapse, all tokens equal; undefined when every token is zero"},
		{"norm_mean", "mean |x_i|", "", "undefined for no tokens"},
		{"norm_max", "max |x_i|", "", "undefined for no tokens"},
	}
}

func clusterDefinitions() []Definition {
	var all []Definition
	for i, tau := range thresholds {
		all = append(all, Definition{componentNames[i],
			fmt.Sprintf("connected components of the tokens joined where G_ij >= %g", tau),
			"single linkage; Geshkovski et al., arXiv 2305.05465", "T components: no two tokens that close; 1: one chain"})
	}
	return append(all,
		Definition{"clusters", "number of clusters in clusters.jsonl: " + ClusterMethod(),
			"Campello, Moulavi and Sander 2013", "0 when every token is noise, and for fewer tokens than a cluster needs"},
		Definition{"noise_share", "share of tokens in no cluster", "Campello, Moulavi and Sander 2013", ""},
		Definition{"largest_cluster_share", "share of tokens in the largest cluster", "", ""},
		Definition{metricLoss, "mean of -log p(token | tokens before), in nats", "",
			"at the last layer, of every predicted token whatever the mask; n counts them"},
	)
}

func comparisonDefinitions() []Definition {
	return []Definition{
		{"drift", "mean over tokens of |x_adapter - x_base| / |x_base|", "arXiv 2402.15415 (stability)",
			"undefined when a base token is zero and the adapter's is not"},
		{"drift_max", "max over tokens of |x_adapter - x_base| / |x_base|", "arXiv 2402.15415 (stability)", "as drift"},
		{"ami_base", "(I - E[I]) / (mean entropy - E[I]) of the partitions of adapter and base",
			"Vinh, Epps and Bailey 2010, arithmetic mean", "noise is a label like any other; 1 for equal partitions, about 0 for unrelated ones"},
		{"ari_base", "Rand index of the two partitions, adjusted for chance", "Hubert and Arabie 1985", "as ami_base"},
		{"cka_base", "HSIC(X, Y)/sqrt(HSIC(X, X) HSIC(Y, Y)), linear, unbiased HSIC_1",
			"Kornblith et al. 2019; Song et al. 2012", "undefined for fewer than four tokens, or none that differ beyond chance"},
	}
}
