package testmodel

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestFixturesAreFoundWhereTheEnvironmentSays(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(fixturesEnv, dir)
	if got := Fixtures(t); got != dir {
		t.Fatalf("Fixtures = %s, want %s", got, dir)
	}
}

func TestRelativeFixturesStartAtTheModuleRoot(t *testing.T) {
	t.Setenv(fixturesEnv, filepath.Join("internal", "testmodel"))
	if _, err := os.Stat(filepath.Join(Fixtures(t), "fixtures_test.go")); err != nil {
		t.Fatal(err)
	}
}

func TestAbsentFixtures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	t.Setenv(fixturesEnv, dir)
	for require, want := range map[string]string{"": "skip", "0": "skip", "1": "fail"} {
		t.Setenv(requireEnv, require)
		outcome := watch(t, func(t testing.TB) { Fixtures(t) })
		if !strings.HasPrefix(outcome, want+": ") || !strings.Contains(outcome, dir) {
			t.Errorf("%s=%q: %q, want a %s that names %s", requireEnv, require, outcome, want, dir)
		}
	}
}

// watcher is a testing.TB that records how the test on it ended.
type watcher struct {
	testing.TB
	outcome string
}

func (w *watcher) Skipf(format string, args ...any)  { w.end("skip: ", format, args) }
func (w *watcher) Fatalf(format string, args ...any) { w.end("fail: ", format, args) }

func (w *watcher) end(kind, format string, args []any) {
	w.outcome = kind + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// watch runs f as a test and returns how it ended; "" if it came to its end.
func watch(t *testing.T, f func(testing.TB)) string {
	w := &watcher{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(w)
	}()
	<-done
	return w.outcome
}
