//go:build !xla

package extract

import (
	"errors"
	"strings"
	"testing"

	"github.com/layerclust/layerclust/loader"
)

func TestBuiltWithoutXLA(t *testing.T) {
	for _, name := range []string{"xla", "xla:cpu"} {
		b, err := newBackend(name)
		if b != nil || err == nil || !strings.Contains(err.Error(), "make build TAGS=xla") || !errors.Is(err, loader.ErrInput) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
