//go:build xla

package extract

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/layerclust/layerclust/loader"
)

// newXLA makes the backend of a PJRT plugin: the one of that name or path, for
// "" the first there is of cuda, rocm and cpu. Options of go-xla may follow a
// comma, as in "cuda,visible_devices=1".
func newXLA(plugin string) (b compute.Backend, err error) {
	defer func() {
		// The search panics on a file that has a plugin's name and cannot be loaded.
		if recover() != nil {
			b, err = nil, loader.InputErrorf("backend xla: a PJRT plugin cannot be loaded; the warning above names its file")
		}
	}()
	setXLAEnv()
	name, options, _ := strings.Cut(plugin, ",")
	if !filepath.IsAbs(name) {
		if name, err = findPlugin(name); err != nil {
			return nil, err
		}
	}
	settings := pjrt.NamedValuesMap{}
	if strings.Contains(strings.ToLower(name), "cpu") { // how go-xla knows it, too
		settings["cpu_device_count"] = int64(1) // of 4 by default, with a thread each whatever NPROC says
	}
	made, err := xla.NewWithOptions(strings.TrimSuffix(name+","+options, ","), settings)
	if err != nil {
		return nil, loader.InputErrorf("backend xla: %w", err)
	}
	made.DotGeneralUseTF32 = false // the default on CUDA rounds what it multiplies to 11 bits
	return made, nil
}

// findPlugin is the full name of an installed plugin, "cpu_v0.114.0" for "cpu".
func findPlugin(name string) (string, error) {
	found := xla.GetAvailablePlugins() // in order of preference
	if len(found) == 0 {
		return "", loader.InputErrorf("backend xla: no PJRT plugin found: `make xla-plugin` installs one, PJRT_PLUGIN_LIBRARY_PATH names the folder of another")
	}
	for _, f := range found {
		if name == "" || f == name || strings.HasPrefix(f, name+"_v") {
			return f, nil
		}
	}
	return "", loader.InputErrorf("backend xla:%s: no such PJRT plugin is installed, only %s", name, strings.Join(found, ", "))
}

// setXLAEnv sets what a plugin reads from the environment as it is loaded,
// where the user has not.
func setXLAEnv() {
	// XLA may keep more precision than a graph asks for, which takes the rounding to bf16 away.
	const excess = "xla_allow_excess_precision"
	if flags := os.Getenv("XLA_FLAGS"); !strings.Contains(flags, excess) {
		os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" --"+excess+"=false"))
	}
	if os.Getenv("NPROC") == "" { // threads of the CPU plugin
		os.Setenv("NPROC", strconv.Itoa(runtime.GOMAXPROCS(0)))
	}
}
