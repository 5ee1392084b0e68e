//go:build !xla

package extract

import (
	"github.com/gomlx/compute"

	"github.com/layerclust/layerclust/loader"
)

// newXLA refuses: only a binary of that tag links XLA.
func newXLA(string) (compute.Backend, error) {
	return nil, loader.InputErrorf("backend xla: this binary was built without XLA; `make build TAGS=xla` makes one with it")
}
