package report

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var spectraNumbers = []float64{math.NaN(), math.Inf(1), 0, math.Inf(-1), 1e308, -1e308, 5e-324}

// By hand: of 10 places 4 are the first two, then the third and the seventh.
func TestPlace(t *testing.T) {
	for i, want := range []int{0, 1, 2, 6} {
		if got := place(i, 4, 10); got != want {
			t.Errorf("place(%d, 4, 10) = %d, want %d", i, got, want)
		}
	}
	// By hand: of 1024 points 32, the first two in full, then 2 + k 1022/30.
	for i, want := range map[int]int{0: 0, 1: 1, 2: 2, 3: 36, 31: 989} {
		if got := scattered(i, 32, 1024); got != want {
			t.Errorf("scattered(%d, 32, 1024) = %d, want %d", i, got, want)
		}
	}
	for _, n := range []int{1, 2, 3, 100} {
		for i := range n {
			if place(i, n, n) != i {
				t.Errorf("place(%d, %d, %d) = %d: all are kept", i, n, n, place(i, n, n))
			}
		}
	}
	for last, i := -1, 0; i < 64; i++ {
		if p := place(i, 64, 4096); p <= last || p >= 4096 {
			t.Fatalf("place(%d, 64, 4096) = %d after %d", i, p, last)
		} else {
			last = p
		}
	}
}

// What is packed comes back within half a quantum of its layer's largest.
func TestPackEigen(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := &spectrum{}
	for range 50 {
		re, im := rng.NormFloat64(), math.Abs(rng.NormFloat64())
		s.re, s.im = append(s.re, re, re, rng.NormFloat64()), append(s.im, im, -im, 0)
	}
	p := packEigen([]*spectrum{s}, 1<<30)
	if p.b != 1 || p.n[0] != 150 || p.kept[0] != 100 {
		t.Fatalf("%d of %d kept, pairs %v; want the 100 on and above the axis of 150", p.kept[0], p.n[0], p.b)
	}
	words, err := base64.StdEncoding.DecodeString(p.data)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for i := range s.re {
		if s.im[i] < 0 {
			continue
		}
		for j, want := range []float64{s.re[i], s.im[i]} {
			got := float64(int16(binary.LittleEndian.Uint16(words[4*k+2*j:]))) / quanta * p.a
			if math.Abs(got-want) > p.a/quanta/2*(1+1e-9) {
				t.Errorf("value %d: %v came back as %v", i, want, got)
			}
		}
		k++
	}
	s.im[0] *= 1.01 // no longer the conjugate of the next
	if p := packEigen([]*spectrum{s}, 1<<30); p.b != 0 || p.kept[0] != 150 {
		t.Errorf("a spectrum that is not symmetric: %d kept, pairs %v; want all 150 and none", p.kept[0], p.b)
	}
}

// The script reads what was packed: singular values to 1e-4 relative over ten
// decades, eigenvalues to 2^-15 of the largest, conjugates restored, values
// thinned to the same places.
func TestScriptUnpacks(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node here")
	}
	sv := &spectrum{re: []float64{8, 1, 1e-3, 1e-9, 0}, im: make([]float64, 5)}
	eig := &spectrum{re: []float64{2, 1, 1, -0.5}, im: []float64{0, 0.75, -0.75, 0}}
	a, b := packSingular([]*spectrum{sv, sv}, 3), packEigen([]*spectrum{eig}, 10)
	js, err := assets.ReadFile("assets/spectra.js")
	if err != nil {
		t.Fatal(err)
	}
	list := func(q int, heads string, p packed) string {
		return strings.Join([]string{"[" + strconv.Itoa(q), "0,0,0", heads, string(encode(p.n)), string(encode(p.kept)),
			formatFloat(p.a), formatFloat(p.b), strconv.Quote(p.data) + "]"}, ",")
	}
	script := `const key = (...p) => p.join("|"), data = {quantities: [{name: "lora_sv"}, {name: "v_eig"}], grids: [], variants: [], layers: [], modules: [], families: [], lists: [` +
		list(0, "[0,3]", a) + "," + list(1, "[-1]", b) + `]};` + string(js) +
		`console.log(JSON.stringify([spectraOf(0,0,0,0).get(3), spectraOf(1,0,0,0).get(-1)].map((s) => [s.n, s.values.map((v) => v.map((x) => Number(x.toPrecision(4))))])));`
	path := filepath.Join(t.TempDir(), "unpack.js")
	if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(node, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := `[[5,[[0,8],[1,1],[3,1e-9]]],[4,[[2,0],[1,0.75],[1,-0.75],[-0.5,0]]]]`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
