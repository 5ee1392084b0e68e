package extract

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
)

func newBackend(name string) (compute.Backend, error) {
	return gobackend.New("ops_sequential")
}
