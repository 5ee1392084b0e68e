package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/layerclust/layerclust/extract"
)

// progress tells how far a run is: one bar on a terminal, a plain line now and
// then elsewhere, nothing when quiet.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where there is no terminal
	start time.Time
	told  time.Time  // of the last plain line
	mu    sync.Mutex // of pieces, which several tell
}

// plainEvery is how often a run without a terminal says where it is.
const plainEvery = 5 * time.Second

func newProgress(w io.Writer, quiet bool) *progress {
	now := time.Now()
	p := &progress{w: w, start: now, told: now}
	if quiet {
		p.w = nil
		return p
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(w), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	}
	return p
}

// say writes a line of its own.
func (p *progress) say(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// forward is told of the forward pass.
func (p *progress) forward(at extract.Progress) {
	if p.w == nil {
		return
	}
	elapsed := time.Since(p.start).Seconds()
	done := float64(at.Done - at.Resumed) // in this process
	what := fmt.Sprintf("layer %d/%d", at.Layer, at.Layers)
	if at.Head {
		what = "next-token loss"
	}
	text := fmt.Sprintf("%s, %s", what, memoryNow())
	if done > 0 {
		// A token is counted once it has passed all layers.
		speed := done / elapsed / float64(max(1, at.Layers))
		left := time.Duration(elapsed * float64(at.Total-at.Done) / done * float64(time.Second)).Round(time.Second)
		text = fmt.Sprintf("%s, %.0f tokens/s, %s left, %s", what, speed, left, memoryNow())
	}
	if p.bar != nil {
		p.bar.ChangeMax64(max(1, at.Total))
		p.bar.Describe(text)
		p.bar.Set64(at.Done) //nolint:errcheck // a bar that cannot be drawn is no reason to fail
		return
	}
	if now := time.Now(); now.Sub(p.told) >= plainEvery {
		p.told = now
		fmt.Fprintln(p.w, text)
	}
}

// pieces is told of the work of spectra, and of a task that begins.
func (p *progress) pieces(at *pace, t *denseTask) {
	if p.w == nil {
		return
	}
	done, total := at.count()
	text := fmt.Sprintf("piece %d/%d, layer %d %s", done+1, total, t.layer, t.name())
	if left := at.left(); left > 0 {
		text += fmt.Sprintf(", %s left", left)
	}
	text += ", " + memoryNow()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.ChangeMax64(int64(max(1, total)))
		p.bar.Describe(text)
		p.bar.Set64(int64(done)) //nolint:errcheck // as above
		return
	}
	if now := time.Now(); now.Sub(p.told) >= plainEvery {
		p.told = now
		fmt.Fprintln(p.w, text)
	}
}

// step names what comes after the forward pass.
func (p *progress) step(text string) {
	if p.bar != nil {
		p.bar.Describe(text)
	}
}

// done takes the bar away.
func (p *progress) done() {
	if p.bar != nil {
		p.bar.Finish() //nolint:errcheck // as above
	}
}

// memoryNow is the resident memory in words.
func memoryNow() string {
	if rss := peakRSS(); rss > 0 {
		return fmt.Sprintf("peak memory %s", bytesText(rss))
	}
	return "memory unknown"
}

// bytesText is a number of bytes for a reader.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
