package extract

import (
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/layerclust/layerclust/loader"
)

// newBackend makes what runs the graphs: "go" is in every binary, "xla" in those
// built with the tag of that name. "xla:cpu" or "xla:cuda" picks one of several
// PJRT plugins, "xla:/path/to/plugin.so" one that lies anywhere; "" is "go".
func newBackend(name string) (compute.Backend, error) {
	kind, plugin, picked := strings.Cut(name, ":")
	switch {
	case name == "go", name == "":
		// Operations one after another, each on all cores: the default runs a chain of products on one core.
		return gobackend.New("ops_sequential")
	case kind == "xla" && (plugin != "" || !picked):
		return newXLA(plugin)
	}
	return nil, loader.InputErrorf("backend %q: want go, xla or xla:PLUGIN", name)
}

// upload makes a float32 tensor of the backend with the values of flat, in one
// copy whether the backend computes in the host's memory or in its own.
func upload(b compute.Backend, flat []float32, dims ...int) (*tensors.Tensor, error) {
	return tensors.FromRaw(b, 0, shapes.Make(dtypes.Float32, dims...), dtypes.UnsafeByteSlice(flat))
}

// download copies the values of a float32 tensor that a graph of the backend has
// returned. Reading it through the tensor would leave a second copy on the host
// where the backend has memory of its own.
func download(b compute.Backend, t *tensors.Tensor, dst []float32) error {
	buffer, err := t.Buffer(b, 0)
	if err != nil {
		return err
	}
	return buffer.ToFlatData(dst)
}
