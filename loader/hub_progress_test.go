package loader

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

func TestHubProgressLines(t *testing.T) {
	var out bytes.Buffer
	p := newHubProgress(&out, func(text string) string { return text })
	p.begin("w of org/name@main", 3<<20, 9<<20)
	p.add(1 << 20) // too soon for a line
	p.start, p.told = p.start.Add(-10*time.Second), p.told.Add(-10*time.Second)
	p.add(1 << 20)
	p.at(0)
	p.told = p.told.Add(-10 * time.Second)
	p.add(2 << 20)
	p.end()
	want := regexp.MustCompile(`^downloading w of org/name@main, 9.0 MiB, from 3.0 MiB on
w of org/name@main: 5.0 MiB of 9.0 MiB, 20\d\.\d KiB/s, 20s left
w of org/name@main: 2.0 MiB of 9.0 MiB, 40\d\.\d KiB/s, 1[78]s left
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
	quiet := newHubProgress(nil, nil)
	quiet.begin("w", 0, -1)
	quiet.add(1)
	quiet.end()
}

func TestByteText(t *testing.T) {
	for n, want := range map[int64]string{-1: "of unknown size", 0: "0 bytes", 2048: "2.0 KiB", 3 << 20: "3.0 MiB", 5 << 30: "5.00 GiB"} {
		if got := byteText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
