package extract

import (
	"errors"
	"testing"

	"github.com/layerclust/layerclust/internal/native"
	"github.com/layerclust/layerclust/loader"
)

// TestProductOfAnUnreadableWeight: the error of the file comes out.
func TestProductOfAnUnreadableWeight(t *testing.T) {
	k, err := native.Open()
	if err != nil {
		t.Skip(err)
	}
	e := newNativeEngine(k, loader.Config{}, Options{})
	broken := errors.New("the disk is gone")
	w := &rowsMatrix{out: 40, in: 8, rows: func(int, int, []float32) error { return broken }}
	if _, err := e.product(make([]float32, 3*8), 3, w); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
