//go:build !(goexperiment.simd && amd64)

package vec

func best(int) *way { return &plain }
