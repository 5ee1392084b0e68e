//go:build xla

// Xlaplugin installs the PJRT plugin through which the xla backend reaches the
// processor ("cpu") or an NVIDIA GPU ("cuda"): in the version that the go-xla of
// go.mod was tested with, under ~/.local/lib/go-xla, where the backend looks.
// Use it as `make xla-plugin PLUGIN=cuda`.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/gomlx/go-xla/installer"
	"github.com/gomlx/go-xla/pjrt"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "cpu" && os.Args[1] != "cuda" {
		fmt.Fprintln(os.Stderr, "xlaplugin: want one argument, cpu or cuda")
		os.Exit(2)
	}
	path, err := install(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "xlaplugin:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// install downloads a plugin unless it is there, and gives its path.
func install(name string) (string, error) {
	if err := installer.AutoInstallPlugin(name, "", true, installer.Normal); err != nil {
		return "", err
	}
	for found, path := range pjrt.AvailablePlugins() {
		if found == name || strings.HasPrefix(found, name+"_v") {
			return path, nil
		}
	}
	// The installer does nothing, without an error, where it finds no such device.
	return "", fmt.Errorf("no %s plugin: there is none for %s/%s, or no device of that kind in this machine", name, runtime.GOOS, runtime.GOARCH)
}
