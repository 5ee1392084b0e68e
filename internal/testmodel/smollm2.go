package testmodel

import (
	"os"
	"path/filepath"
	"testing"
)

// smolLM2Env names the folder that shared/tools/get_smollm2.py has written.
const smolLM2Env = "LAYERCLUST_SMOLLM2"

// SmolLM2 returns the folder of SmolLM2-135M-Instruct with its weights, which
// are too large for the fixtures: $LAYERCLUST_SMOLLM2. Where it is not set the
// test is skipped, or fails if LAYERCLUST_REQUIRE_FIXTURES is 1.
func SmolLM2(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(smolLM2Env)
	if dir == "" {
		if os.Getenv(requireEnv) == "1" {
			t.Fatalf("%s=1, but %s is not set", requireEnv, smolLM2Env)
		}
		t.Skipf("set %s to the folder written by get_smollm2.py OUT", smolLM2Env)
	}
	if _, err := os.Stat(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatalf("%s: %v", smolLM2Env, err)
	}
	return dir
}
