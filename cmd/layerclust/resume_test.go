//go:build unix

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/layerclust/layerclust/extract"
	"github.com/layerclust/layerclust/internal/testmodel"
)

// often makes a checkpoint after every layer.
var often = process{saveEvery: 1}

// longWorld is a world whose run takes long enough to be killed in the middle:
// many layers, and prompts of several lengths.
func longWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	w := world{dir: dir, model: filepath.Join(dir, "model"), adapter: filepath.Join(dir, "tuned"),
		prompts: filepath.Join(dir, "prompts.jsonl"), spec: testmodel.Spec{Layers: 8, Hidden: 32, Seed: 7}}
	testmodel.WriteModel(t, w.model, w.spec)
	testmodel.WriteAdapter(t, w.adapter, w.spec, testmodel.AdapterSpec{Seed: 1})
	var lines strings.Builder
	for i := range 4 {
		lines.WriteString(line(fmt.Sprintf("p%d", i), ids(20+i%3*7, i)))
	}
	w.write(t, "prompts.jsonl", lines.String())
	return w
}

// command is a run of a long world, with everything that it can write.
func (w world) command(out string, more ...string) []string {
	return append([]string{"run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--out", w.at(out), "--bootstrap", "50",
		"--sites", "resid,attn", "--save-states"}, more...)
}

// tight is a --max-memory that a run can just compute in, so that its states go
// to files: what it says when it is given too little.
func (w world) tight(t *testing.T) string {
	t.Helper()
	o := cli(t, w.command("tight", "--max-memory", "1kB")...)
	o.refused(t, exitInput, "--max-memory 1.0 KiB: too little")
	_, rest, _ := strings.Cut(o.err, "computes in ")
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f KiB", &kib); err != nil {
		t.Fatalf("%s: %v", o.err, err)
	}
	return fmt.Sprintf("%.1fKiB", kib+0.1) // it was rounded
}

// saved is the moment at which a run has its first checkpoint.
func (w world) saved(out string) func() bool {
	return func() bool {
		_, ok := extract.Finished(filepath.Join(w.at(out), partialDir, checkpointDir))
		return ok
	}
}

// TestKilled kills runs at moments spread over all of their time, every second
// one with a checkpoint made, some of them again when they go on: each ends with
// the bytes of one that was not killed.
func TestKilled(t *testing.T) {
	w := longWorld(t)
	began := time.Now()
	often.run(t, w.command("whole")...).fine(t)
	length := time.Since(began)
	want := snapshot(t, w.at("whole"))
	tight := w.tight(t)
	kills := 20
	if testing.Short() {
		kills = 4
	}
	rng := rand.New(rand.NewPCG(1, 2))
	resumed := 0
	for i := range kills {
		out := fmt.Sprintf("out%d", i)
		args := w.command(out)
		if i%4 > 1 { // in files rather than in memory
			args = w.command(out, "--max-memory", tight)
		}
		for range 1 + i%3 {
			moment := after(time.Duration(rng.Float64() * float64(length)))
			if i%2 == 1 {
				moment = then(w.saved(out), after(time.Duration(rng.Float64()*float64(length)/2)))
			}
			often.stopped(t, moment, syscall.SIGKILL, args...)
		}
		often.run(t, args...).fine(t)
		sameFiles(t, fmt.Sprintf("kill %d", i), snapshot(t, w.at(out)), maps.Clone(want), runName)
		if readRun(t, w.at(out)).ResumedFrom > 0 {
			resumed++
		}
		must(t, os.RemoveAll(w.at(out)))
	}
	t.Logf("%d of %d killed runs went on from behind a block", resumed, kills)
	if resumed == 0 {
		t.Error("no killed run went on from behind a block")
	}
}

// halfDone leaves an interrupted run in out that has a checkpoint.
func (w world) halfDone(t *testing.T, out string) outcome {
	t.Helper()
	for range 10 {
		if o, cut := often.stopped(t, w.saved(out), os.Interrupt, w.command(out)...); cut {
			return o
		}
		must(t, os.RemoveAll(w.at(out))) // it was faster
	}
	t.Fatal("the run is too fast to be interrupted")
	return outcome{}
}

// TestInterrupted: what is done stays, the user is told how to go on, and the
// run that does says so.
func TestInterrupted(t *testing.T) {
	w := longWorld(t)
	o := w.halfDone(t, "out")
	o.refused(t, exitFailed, "interrupted; the same command goes on from layer", "of 8")
	if got := len(o.err) - len(strings.ReplaceAll(o.err, "layerclust: ", "")); got != len("layerclust: ") {
		t.Errorf("more than one line of error:\n%s", o.err)
	}
	o = cli(t, w.command("out")...).fine(t)
	if !strings.Contains(o.err, "going on from layer") {
		t.Errorf("it does not say that it goes on:\n%s", o.err)
	}
}

// TestResumesOnlyItsOwn: other options, --fresh and --resume=false begin anew;
// so does a run whose files are not what they were.
func TestResumesOnlyItsOwn(t *testing.T) {
	w := longWorld(t)
	cli(t, w.command("whole")...).fine(t)
	want := snapshot(t, w.at("whole"))
	w.halfDone(t, "half")
	half := snapshot(t, w.at("half"))
	damage := func(pattern string) func(dir string) {
		return func(dir string) {
			paths, err := filepath.Glob(filepath.Join(dir, partialDir, pattern))
			if err != nil || len(paths) == 0 {
				t.Fatalf("%s: %v, %v", pattern, paths, err)
			}
			must(t, os.Truncate(paths[len(paths)-1], 10))
		}
	}
	for name, c := range map[string]struct {
		more    []string
		prepare func(dir string)
		resumes bool
	}{
		"same":         {resumes: true},
		"other memory": {more: []string{"--max-memory", w.tight(t)}, resumes: true},
		"fresh":        {more: []string{"--fresh"}},
		"no resume":    {more: []string{"--resume=false"}},
		"other seed":   {more: []string{"--seed", "3"}},
		"manifest":     {prepare: damage("checkpoint/checkpoint.json")},
		"states":       {prepare: damage("checkpoint/states-*")},
		"sink":         {prepare: damage("sink-*")},
		"clouds":       {prepare: damage("clouds")},
		"job":          {prepare: damage("job.json")},
		"state file": {prepare: func(dir string) {
			must(t, os.Remove(filepath.Join(dir, partialDir, "states/tuned/p3.safetensors.partial")))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			out := w.at("copy")
			restoreSnapshot(t, out, half)
			defer os.RemoveAll(out)
			if c.prepare != nil {
				c.prepare(out)
			}
			o := cli(t, w.command("copy", c.more...)...).fine(t)
			if got := strings.Contains(o.err, "going on from layer"); got != c.resumes {
				t.Errorf("it went on: %v\n%s", got, o.err)
			}
			if name != "other seed" {
				sameFiles(t, name, snapshot(t, out), maps.Clone(want), runName)
			}
		})
	}
}

// restoreSnapshot writes the files of a snapshot.
func restoreSnapshot(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
}

// TestKilledWhileMovingIntoPlace ends a commit after each of its renames: the
// folder then becomes that of before or that of the new run, whole.
func TestKilledWhileMovingIntoPlace(t *testing.T) {
	w := newWorld(t)
	w.run(t, "old").fine(t)
	w.run(t, "new", "--seed", "1", "--save-states").fine(t)
	old, renewed := snapshot(t, w.at("old")), snapshot(t, w.at("new"))
	for steps, total := 0, 1; steps <= total; steps++ {
		dir := filepath.Join(w.dir, fmt.Sprintf("steps%d", steps))
		restoreSnapshot(t, dir, old)
		o, err := openOutput(dir, true, "f")
		if err != nil {
			t.Fatal(err)
		}
		restoreSnapshot(t, o.partial, renewed)
		must(t, os.MkdirAll(filepath.Join(o.partial, earlierDir, figuresName), 0o755))
		list := o.moves()
		total = len(list)
		turned := false
		for _, m := range list[:steps] {
			must(t, os.Rename(m.from, m.to))
			turned = turned || filepath.Base(m.to) == doneName
		}
		must(t, o.lock.Unlock()) // as the end of a process does
		again, err := openOutput(dir, true, "g")
		if err != nil {
			t.Fatal(err)
		}
		again.discard()
		want := old
		if turned {
			want = renewed
		}
		sameFiles(t, fmt.Sprintf("after %d of %d renames", steps, total), snapshot(t, dir), maps.Clone(want))
	}
}
