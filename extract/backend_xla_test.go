//go:build xla

package extract

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pluginTestEnv tells the process that TestPluginErrors starts which backend to make.
const pluginTestEnv = "LAYERCLUST_TEST_PLUGIN"

// TestPluginErrors makes backends in a process of their own: where to look for
// plugins is read once, as it starts.
func TestPluginErrors(t *testing.T) {
	if name := os.Getenv(pluginTestEnv); name != "" {
		_, err := newBackend(name)
		fmt.Print(err)
		os.Exit(0)
	}
	empty, broken := t.TempDir(), t.TempDir()
	file := filepath.Join(broken, "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(file, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ folder, name, want string }{
		{empty, "xla", "no PJRT plugin found: `make xla-plugin`"},
		{empty, "xla:cuda", "no PJRT plugin found: `make xla-plugin`"},
		{broken, "xla", "a PJRT plugin cannot be loaded"},
		{empty, "xla:" + file, file},
		{empty, "xla:" + file + ".absent", "no such file or directory"},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestPluginErrors$")
		child.Env = append(os.Environ(), pluginTestEnv+"="+c.name, "PJRT_PLUGIN_LIBRARY_PATH="+c.folder)
		out, err := child.Output()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := string(out); !strings.HasPrefix(got, "backend xla") || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}
