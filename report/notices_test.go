package report

import (
	"strings"
	"testing"

	"github.com/layerclust/layerclust/analyze"
)

// One fact is one notice: what the run has warned of is not said again, and of
// an adapter of which only states were given nothing is known.
func TestNoticesOfAnAdapterThatChangesNothing(t *testing.T) {
	const warning = "adapter identity changes nothing: every update is zero"
	count := func(r *analyze.Result) int {
		return strings.Count(strings.Join(notices(newTable(r)), "\n"), "dapter identity ")
	}
	if n := count(sample("identity")); n != 1 {
		t.Errorf("without a warning of the run: %d notices, want 1", n)
	}
	warned := sample("identity")
	warned.Run.Warnings = append(warned.Run.Warnings, warning)
	if n := count(warned); n != 1 {
		t.Errorf("with a warning of the run: %d notices, want 1", n)
	}
	stored := sample("identity")
	stored.Run.Adapters[0] = analyze.AdapterInfo{Name: "identity", Scale: 1}
	if n := count(stored); n != 0 {
		t.Errorf("of states alone: %d notices, want none", n)
	}
}
