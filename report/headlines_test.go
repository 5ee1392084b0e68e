package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/layerclust/layerclust/analyze"
)

// onePrompt drops the means over prompts and all prompts but the first.
func onePrompt(r *analyze.Result) *analyze.Result {
	r.Run.Prompts = r.Run.Prompts[:1]
	r.Metrics = slices.DeleteFunc(r.Metrics, func(m analyze.Row) bool { return m.Prompt != "tale" })
	return r
}

// unmasked takes back that any token is masked.
func unmasked(r *analyze.Result) *analyze.Result {
	for i := range r.Run.Prompts {
		r.Run.Prompts[i].Masked = nil
	}
	return r
}

// middle keeps the layers 1 to 3, as --layers would.
func middle(r *analyze.Result) *analyze.Result {
	r.Metrics = slices.DeleteFunc(r.Metrics, func(m analyze.Row) bool {
		return !slices.Contains([]string{"1", "2", "3"}, m.Layer)
	})
	return r
}

func TestHeadlines(t *testing.T) {
	const (
		cosine = "In the base model the mean cosine between tokens is 0.100 [0.0400, 0.160] at the embeddings, " +
			"peaks at 0.385 [0.325, 0.445] at layer 3, and is 0.340 [0.280, 0.400] after the final norm " +
			"(mean of 2 prompts; brackets: range over 2 prompts, pointwise; extreme layers are chosen after the fact)."
		mask = "The default mask leaves out 2 tokens (2 massive); with every token kept the mean cosine at layer 3 " +
			"would read 0.485 [0.425, 0.545] instead of 0.385 [0.325, 0.445]."
		clusters = "The number of clusters in the base is largest at the embeddings (5 [4.94, 5.06]) and smallest after the final norm (3 [2.94, 3.06])."
	)
	for _, c := range []struct {
		name string
		r    *analyze.Result
		want []string
	}{
		{"no adapters", sample(), []string{cosine, mask, clusters,
			"The mean next-token loss of the base is 3.25 [3.19, 3.31] nats."}},
		{"identity adapter", sample("identity"), []string{cosine, mask, clusters,
			"identity equals the base exactly: the drift is 0 at every layer.",
			"The partition of identity is the base's own at every layer (AMI 1).",
			"The mean next-token loss of the base is 3.25 [3.19, 3.31] nats; it is 3.25 [3.19, 3.31] with identity."}},
		{"one that moves, one that does not", sample("v-r2", "identity"), []string{cosine, mask, clusters,
			"Relative to the base state, tokens drift by up to 0.120 [0.0600, 0.180] for v-r2 after the final norm. " +
				"identity equals the base exactly: the drift is 0 at every layer.",
			"The mean cosine changes most by 0.120 [0.0600, 0.180] for v-r2 after the final norm (adapter minus base).",
			"The clusters agree least with the base's, as adjusted mutual information (1 = same partition), at " +
				"0.760 [0.700, 0.820] for v-r2 after the final norm.",
			"The mean next-token loss of the base is 3.25 [3.19, 3.31] nats; it is 3.22 [3.16, 3.28] with v-r2 and 3.25 [3.19, 3.31] with identity."}},
		{"one prompt has no interval", onePrompt(sample("v-r2")), []string{
			"In the base model the mean cosine between tokens is 0.100 at the embeddings, peaks at 0.385 at layer 3, " +
				"and is 0.340 after the final norm (prompt tale, no interval).",
			"The default mask leaves out 1 token (1 massive); with every token kept the mean cosine at layer 3 would read 0.485 instead of 0.385.",
			"The number of clusters in the base is largest at the embeddings (5) and smallest after the final norm (3).",
			"Relative to the base state, tokens drift by up to 0.120 for v-r2 after the final norm.",
			"The clusters agree least with the base's, as adjusted mutual information (1 = same partition), at 0.760 for v-r2 after the final norm.",
			"The mean next-token loss of the base is 3.25 nats; it is 3.22 with v-r2."}},
		{"chosen layers, nothing masked", unmasked(middle(sample())), []string{
			"In the base model the mean cosine between tokens is 0.265 [0.205, 0.325] at layer 1 and highest at the end, " +
				"0.385 [0.325, 0.445] at layer 3 (mean of 2 prompts; brackets: range over 2 prompts, pointwise; extreme layers are chosen after the fact).",
			"The default mask leaves out no token here: both masks give the same numbers.",
			"The number of clusters in the base is largest at layer 1 (4.50 [4.44, 4.56]) and smallest at layer 3 (3.50 [3.44, 3.56])."}},
		{"nothing measured", &analyze.Result{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Headlines(c.r)); diff != "" {
				t.Errorf("headlines (-want +got):\n%s", diff)
			}
		})
	}
}

// Of many adapters the farthest are named, and the rest counted.
func TestHeadlinesNameTheFarthest(t *testing.T) {
	got := strings.Join(Headlines(sample("a", "b", "c", "d", "e")), "\n")
	want := "tokens drift by up to 0.600 [0.540, 0.660] for e, 0.480 [0.420, 0.540] for d, 0.360 [0.300, 0.420] for c and less for the other 2, all after the final norm."
	if !strings.Contains(got, want) {
		t.Errorf("headlines\n%s\ndo not say\n%s", got, want)
	}
	if !strings.Contains(got, "and more for the other 2") {
		t.Errorf("headlines\n%s\ndo not say that the others agree more", got)
	}
}

// Rows of infinite or undefined value are passed over, not shown.
func TestHeadlinesPassOverWhatIsNotFinite(t *testing.T) {
	r := sample()
	for i := range r.Metrics {
		r.Metrics[i].Value = math.Inf(1)
	}
	if got := Headlines(r); len(got) != 0 {
		t.Errorf("headlines of infinite values: %q", got)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", -2: "-2", 12345678: "12345678", 0.5: "0.500", 0.123456: "0.123", 14.5: "14.5", 123.456: "123",
		-1.08e-16: "0", 1e-9: "1e-09", 0.00012345: "0.000123", 0.000012345: "1.23e-05", 234567.8: "2.35e+05", -0.0057432: "-0.00574",
	} {
		if got := short(v); got != want {
			t.Errorf("short(%g) = %q, want %q", v, got, want)
		}
	}
}
