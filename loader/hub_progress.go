package loader

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// hubProgress tells how far a download is: a bar on a terminal, a plain line now
// and then elsewhere, nothing without a writer.
type hubProgress struct {
	w      io.Writer // nil: quiet
	hidden func(string) string
	bar    *progressbar.ProgressBar // of the file under way, on a terminal

	name       string
	done, size int64 // in bytes; size -1 where it is not known
	begun      int64 // done at the start
	start      time.Time
	told       time.Time // of the last plain line
}

// tellEvery is how often a download says where it is without a terminal.
const tellEvery = 5 * time.Second

func newHubProgress(w io.Writer, hidden func(string) string) *hubProgress {
	return &hubProgress{w: w, hidden: hidden}
}

// say writes a line of its own.
func (p *hubProgress) say(text string) {
	if p.w != nil {
		fmt.Fprintln(p.w, p.hidden(text))
	}
}

// begin starts a file that has some bytes already.
func (p *hubProgress) begin(name string, have, size int64) {
	now := time.Now()
	p.name, p.done, p.size, p.begun, p.start, p.told = name, have, size, have, now, now
	text := fmt.Sprintf("downloading %s, %s", name, byteText(size))
	if have > 0 {
		text += fmt.Sprintf(", from %s on", byteText(have))
	}
	p.say(text)
	if f, ok := p.w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(p.w), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowBytes(true))
		p.at(have)
	}
}

// at sets the number of bytes there are; fewer than before where a download starts
// anew.
func (p *hubProgress) at(done int64) {
	p.begun += done - p.done // these were not downloaded now
	p.done = done
	if p.bar != nil {
		p.bar.Set64(done) //nolint:errcheck // a bar that cannot be drawn is no reason to fail
	}
}

// add counts further bytes.
func (p *hubProgress) add(n int64) {
	p.done += n
	if p.bar != nil {
		p.bar.Set64(p.done) //nolint:errcheck // as above
		return
	}
	now := time.Now()
	if now.Sub(p.told) < tellEvery {
		return
	}
	p.told = now
	speed := float64(p.done-p.begun) / now.Sub(p.start).Seconds()
	text := fmt.Sprintf("%s: %s of %s, %s/s", p.name, byteText(p.done), byteText(p.size), byteText(int64(speed)))
	if speed >= 1 && p.size > p.done {
		left := time.Duration(float64(p.size-p.done) / speed * float64(time.Second))
		text += fmt.Sprintf(", %v left", left.Round(time.Second))
	}
	p.say(text)
}

// end takes the bar away.
func (p *hubProgress) end() {
	if p.bar != nil {
		p.bar.Finish() //nolint:errcheck // as above
		p.bar = nil
	}
}

// byteText is a number of bytes for a reader.
func byteText(n int64) string {
	switch {
	case n < 0:
		return "of unknown size"
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
