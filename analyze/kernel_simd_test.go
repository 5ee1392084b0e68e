//go:build goexperiment.simd && amd64

package analyze

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A machine with AVX-512 must give the bytes of one without.
func TestTilesOfBothWidthsAreEqual(t *testing.T) {
	if !useAVX512 {
		t.Skip("this processor has no AVX-512, or DNNL_MAX_CPU_ISA rules it out")
	}
	a, b := testPanels()
	var wide, narrow tileSums
	addTileAVX512(&wide, &a[0], &b[0], len(a))
	addTileAVX2(&narrow, a, b)
	if wide != narrow {
		t.Errorf("sums on eight lanes\n%v, on four\n%v", wide, narrow)
	}
}

func TestRowsOfBothWidthsAreEqual(t *testing.T) {
	if !useAVX512 {
		t.Skip("this processor has no AVX-512, or DNNL_MAX_CPU_ISA rules it out")
	}
	defer func() { useAVX512 = true }()
	c := NewCloud(randomState(4, 37, 50), 37, 50)
	wide := newReduction(c, nil)
	d, e := wide.tridiagonal()
	useAVX512 = false
	narrow := newReduction(c, nil)
	f, g := narrow.tridiagonal()
	if !slices.Equal(d, f) || !slices.Equal(e, g) {
		t.Errorf("tridiagonal by four rows\n%v\n%v, by two\n%v\n%v", d, e, f, g)
	}
}

func TestCountsOfBothWidthsAreEqual(t *testing.T) {
	if !useAVX512 {
		t.Skip("this processor has no AVX-512, or DNNL_MAX_CPU_ISA rules it out")
	}
	d, e := randomTridiagonal(5, 70)
	b := newBisection(d, e, 0.125)
	for i := range b.points[:24] {
		b.points[i] = -0.5 + float64(i)/16
	}
	b.count(1)
	dets, counts := make([]det, 24), make([]int, 24)
	for k := 0; k < 24; k += 12 {
		countBelow256(dets[k:], counts[k:], b.points[k:], b.d, b.e2)
	}
	if diff := cmp.Diff(counts, b.counts[:24]) + cmp.Diff(dets, b.dets[:24], cmp.AllowUnexported(det{})); diff != "" {
		t.Error(diff)
	}
}
