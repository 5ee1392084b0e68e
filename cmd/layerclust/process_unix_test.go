//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process describes layerclust as a process of its own, which can be killed.
type process struct {
	fileLimit int           // its files cannot grow beyond that many bytes; 0: no limit
	saveEvery time.Duration // the least time between checkpoints; 0: as always
}

// processEnv makes this test binary be layerclust itself, in such a process.
const processEnv = "LAYERCLUST_TEST_PROCESS"

func TestMain(m *testing.M) {
	text := os.Getenv(processEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	var p [2]int64
	err := json.Unmarshal([]byte(text), &p)
	if limit := uint64(p[0]); err == nil && limit > 0 {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if p[1] > 0 {
		saveEvery = time.Duration(p[1])
	}
	main()
}

// command is a command line that is not started yet.
func (p process) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(context.Background(), exe, args...)
	c.Env = append(os.Environ(), fmt.Sprintf("%s=[%d,%d]", processEnv, p.fileLimit, p.saveEvery))
	return c
}

// run is cli in such a process.
func (p process) run(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := p.command(t, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "goroutine ") {
		t.Errorf("a stack trace reached the user:\n%s", stderr.String())
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// stopped starts a command line and sends it a signal as soon as now says so. It
// says whether that ended it.
func (p process) stopped(t *testing.T, now func() bool, signal os.Signal, args ...string) (outcome, bool) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := p.command(t, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		for !now() {
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
			}
		}
		c.Process.Signal(signal) //nolint:errcheck // it may have ended
	}()
	err := c.Wait()
	close(ended)
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}, err != nil
}

// after is a moment that long from the first time it is asked for.
func after(d time.Duration) func() bool {
	var end time.Time
	return func() bool {
		if end.IsZero() {
			end = time.Now().Add(d)
		}
		return !time.Now().Before(end)
	}
}

// then is a moment that comes after another one.
func then(first, second func() bool) func() bool {
	return func() bool { return first() && second() }
}
