//go:build goexperiment.simd && amd64

package analyze

import "testing"

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

func TestCapped(t *testing.T) {
	for value, want := range map[string]bool{"": false, "AVX2": true, "avx2": true, "AVX2_VNNI": false, "AVX512_CORE": false, "ALL": false} {
		t.Setenv("DNNL_MAX_CPU_ISA", value)
		if got := capped("SSE41", "AVX2"); got != want {
			t.Errorf("DNNL_MAX_CPU_ISA=%s: capped to SSE4.1 or AVX2 is %v", value, got)
		}
	}
}
