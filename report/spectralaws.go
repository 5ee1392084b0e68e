package report

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/layerclust/layerclust/analyze/spectra"
)

// normV is |W|_F of v_proj from its singular values, NaN where not all of them
// are there.
func (w *weights) normV(variant string, layer int, module string) float64 {
	sv := w.of(variant, layer, module, "v_sv")
	if sv == nil || w.info.Top > 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, s := range sv.re {
		sum += s * s
	}
	return math.Sqrt(sum)
}

// circle is the edge of the circular law for the matrix that eigenvalues are of,
// NaN where its norm is not known. OV_h is (d, d), though at most a head's
// width of its eigenvalues are not 0.
func (w *weights) circle(variant string, layer int, module string, head int, quantity string) float64 {
	switch quantity {
	case "v_eig":
		if eig := w.of(variant, layer, module, quantity); eig != nil {
			return circularRadius(w.normV(variant, layer, module), len(eig.re))
		}
	case "ov_eig":
		if m := w.info.Model; m != nil && m.Hidden > 0 {
			return circularRadius(w.series[spectrumKey{variant, layer, module, head, "ov_norm"}].first(), m.Hidden)
		}
	}
	return math.NaN()
}

// circularRadius is that of a matrix (n, n) of the given norm.
func circularRadius(norm float64, n int) float64 {
	return spectra.CircularRadius(n, spectra.EntryDeviation(norm, n, n))
}

// payloadLaw is the law of Marchenko and Pastur for v_proj at norm 1, at the
// places that packSingular would keep.
type payloadLaw struct {
	N      int             `json:"n"`
	Kept   int             `json:"kept"`
	Values json.RawMessage `json:"values"`
}

// law draws the law for the shape of v_proj: as many rows as it has singular
// values, as many columns as the model is wide.
func (w *weights) law() *payloadLaw {
	if w.info.Model == nil || w.info.Top > 0 {
		return nil
	}
	for _, v := range w.variants {
		for _, m := range w.modules {
			for _, layer := range w.layers {
				sv := w.of(v, layer, m, "v_sv")
				if sv == nil {
					continue
				}
				n := len(sv.re)
				kept := min(n, 200)
				cols := max(n, w.info.Model.Hidden)
				all := spectra.MarchenkoPasturQuantiles(n, cols, spectra.EntryDeviation(1, n, cols))
				values := make([]float64, kept)
				for i := range values {
					values[i] = all[place(i, kept, n)]
				}
				return &payloadLaw{n, kept, appendDigits(nil, values)}
			}
		}
	}
	return nil
}

// payNorms are the norms of v_proj over the layers.
func (w *weights) payNorms() []json.RawMessage {
	var out []json.RawMessage
	for vi, v := range w.variants {
		for mi, m := range w.modules {
			values, found := make([]float64, len(w.layers)), false
			for li, layer := range w.layers {
				values[li] = w.normV(v, layer, m)
				found = found || finite(values[li])
			}
			if found {
				out = append(out, append(appendDigits(fmt.Appendf(nil, "[%d,%d,", vi, mi), values), ']'))
			}
		}
	}
	return out
}
