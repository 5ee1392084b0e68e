package testmodel

import (
	"os"
	"path/filepath"
	"testing"
)

const (
	fixturesEnv = "LAYERCLUST_FIXTURES"         // where the fixtures are; a relative path starts at the module's root
	requireEnv  = "LAYERCLUST_REQUIRE_FIXTURES" // "1" makes their absence a failure
)

// Fixtures returns the folder of real models, adapters and reference outputs that tests compare
// with: LAYERCLUST_FIXTURES or, where that is not set, ../shared/fixtures from the module's root.
// It is too large to be part of the project. Where it is absent the test is skipped, saying so,
// unless LAYERCLUST_REQUIRE_FIXTURES=1 makes that a failure.
func Fixtures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(fixturesEnv)
	if dir == "" {
		dir = filepath.Join("..", "shared", "fixtures")
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(moduleRoot(t), dir)
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv(requireEnv) == "1" {
			t.Fatalf("%s=1, but there are no fixtures in %s", requireEnv, dir)
		}
		t.Skipf("there are no fixtures in %s; %s names another place", dir, fixturesEnv)
	}
	return dir
}

// Golden returns the folder of the goldens that are part of the project.
func Golden(t testing.TB) string {
	t.Helper()
	return filepath.Join(moduleRoot(t), "internal", "testmodel", "testdata")
}

// moduleRoot is the folder of go.mod, at or above the folder that the test runs in.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			t.Fatalf("there is no go.mod at or above %s", dir)
		}
	}
}
