package report

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
)

// A page draws hundreds of thousands of eigenvalues, so that they travel as 16
// bits a coordinate: a quantum is 1/32767 of the largest of its layer, less than
// a pixel of any screen. Of conjugate pairs only the upper one travels. What is
// still too many is thinned: the outermost are kept whole, since theory asks about
// the edge, and of the rest every so many in the order of their moduli, so that
// the cloud keeps its shape.

const quanta = math.MaxInt16

// place is the i-th of kept places among n of a falling curve: the first half in
// full, the rest spread evenly. placeOf in spectra.js is the same.
func place(i, kept, n int) int { return spread(i, kept, n, kept/2) }

// scattered is place for a cloud, of which only the first sixteenth is in full.
func scattered(i, kept, n int) int { return spread(i, kept, n, kept/16) }

// spread is the i-th of kept places among n, the first h in full.
func spread(i, kept, n, h int) int {
	if i < h || kept == h {
		return i
	}
	return h + (i-h)*(n-h)/(kept-h)
}

// upper returns the eigenvalues that are not below the axis where the rest are
// their conjugates, or all of them; order is kept.
func (s *spectrum) upper() (re, im []float64, paired bool) {
	var above, below [][2]float64
	for i := range s.re {
		switch {
		case s.im[i] > 0:
			above = append(above, [2]float64{s.re[i], s.im[i]})
		case s.im[i] < 0:
			below = append(below, [2]float64{s.re[i], -s.im[i]})
		}
	}
	order := func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(above, order)
	slices.SortFunc(below, order)
	if !slices.Equal(above, below) {
		return s.re, s.im, false
	}
	for i := range s.re {
		if s.im[i] >= 0 {
			re, im = append(re, s.re[i]), append(im, s.im[i])
		}
	}
	return re, im, true
}

// packed is numbers as text, with what is needed to read them.
type packed struct {
	n, kept []int   // (heads) values there are, and values packed
	a, b    float64 // eigenvalues: largest coordinate, 1 for conjugate pairs; singular values: least and largest that is not 0
	data    string  // base64 of little-endian 16-bit words
}

// packEigen packs the eigenvalues of a layer's heads, or of one matrix; each
// keeps at most most points.
func packEigen(list []*spectrum, most int) packed {
	var p packed
	uppers := make([]spectrum, len(list))
	paired := true
	for i, s := range list {
		var ok bool
		uppers[i].re, uppers[i].im, ok = s.upper()
		paired = paired && ok
	}
	for i, s := range list {
		if !paired {
			uppers[i] = *s
		}
		for k := range uppers[i].re {
			p.a = math.Max(p.a, math.Max(math.Abs(clean(uppers[i].re[k])), math.Abs(clean(uppers[i].im[k]))))
		}
	}
	p.b = float64(b2i(paired))
	var words []byte
	for i, s := range list {
		u := &uppers[i]
		kept := min(most, len(u.re))
		p.n, p.kept = append(p.n, len(s.re)), append(p.kept, kept)
		for k := range kept {
			at := scattered(k, kept, len(u.re))
			words = binary.LittleEndian.AppendUint16(words, uint16(quantum(u.re[at], p.a)))
			words = binary.LittleEndian.AppendUint16(words, uint16(quantum(u.im[at], p.a)))
		}
	}
	p.data = base64.StdEncoding.EncodeToString(words)
	return p
}

// quantum is v in units of scale / quanta.
func quantum(v, scale float64) int16 {
	if scale == 0 {
		return 0
	}
	return int16(math.Round(clean(v) / scale * quanta))
}

// clean is v, 0 for what is no number: a hostile file may hold any.
func clean(v float64) float64 {
	if !finite(v) {
		return 0
	}
	return v
}

// packSingular packs singular values on a logarithmic scale: 65535 steps over
// the range that is not 0, which is word 0.
func packSingular(list []*spectrum, most int) packed {
	p := packed{a: math.Inf(1)}
	for _, s := range list {
		for _, v := range s.re {
			if finite(v) && v > 0 {
				p.a, p.b = math.Min(p.a, v), math.Max(p.b, v)
			}
		}
	}
	if p.b == 0 {
		p.a = 0
	}
	var words []byte
	for _, s := range list {
		kept := min(most, len(s.re))
		p.n, p.kept = append(p.n, len(s.re)), append(p.kept, kept)
		for k := range kept {
			words = binary.LittleEndian.AppendUint16(words, logQuantum(s.re[place(k, kept, len(s.re))], p.a, p.b))
		}
	}
	p.data = base64.StdEncoding.EncodeToString(words)
	return p
}

func logQuantum(v, lo, hi float64) uint16 {
	if !finite(v) || v <= 0 {
		return 0
	}
	if lo == hi {
		return 1
	}
	return 1 + uint16(math.Round((math.MaxUint16-1)*math.Log(v/lo)/math.Log(hi/lo)))
}
