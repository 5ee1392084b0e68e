package extract_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
	"github.com/layerclust/layerclust/loader"
)

// BenchmarkRun is the forward pass of 200 tokens of SmolLM2-135M with its
// next-token loss: the base, and the base with three adapters.
func BenchmarkRun(b *testing.B) {
	adapters := filepath.Join(testmodel.Fixtures(b), "adapters")
	m, err := loader.Open(testmodel.SmolLM2(b))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	var opened []*loader.Adapter
	for _, dir := range []string{"smollm2-v-r2/checkpoint-200", "smollm2-all-r8-rslora/checkpoint-80", "smollm2-qv-r4-dora/checkpoint-80"} {
		a, err := loader.OpenAdapter(loader.AdapterRef{Name: dir, Dir: filepath.Join(adapters, dir), Scale: 1}, m, loader.AdapterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		opened = append(opened, a)
	}
	prompt := extract.Prompt{ID: "p"}
	for i := range 200 {
		prompt.IDs = append(prompt.IDs, int32(1000+i*97%40000))
	}
	for _, c := range []struct {
		name     string
		adapters []*loader.Adapter
	}{{"base", nil}, {"base+3", opened}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := extract.Run(context.Background(), m, c.adapters, []extract.Prompt{prompt}, extract.Options{LastLayer: -1},
					func(extract.States) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/float64(m.Config.NumLayers*(1+len(c.adapters))), "ms/layer/variant")
		})
	}
}
