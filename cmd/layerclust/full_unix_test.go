//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fileLimitEnv makes this test binary be layerclust itself, in a process whose
// files cannot grow beyond that many bytes.
const fileLimitEnv = "LAYERCLUST_TEST_FILE_LIMIT"

func TestMain(m *testing.M) {
	text := os.Getenv(fileLimitEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	size, err := strconv.ParseUint(text, 10, 64)
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// limited is cli in such a process.
func limited(t *testing.T, size int, args ...string) outcome {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	c := exec.Command(exe, args...)
	c.Env = append(os.Environ(), fileLimitEnv+"="+strconv.Itoa(size))
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), "goroutine ") {
		t.Errorf("a stack trace reached the user:\n%s", stderr.String())
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestFileTooLarge: a limit on the size of files stands for a disk that is
// full. Writing fails in the middle of a file, in another one for each size.
func TestFileTooLarge(t *testing.T) {
	w := newWorld(t)
	w.run(t, "out", "--save-states").fine(t)
	before := snapshot(t, w.at("out"))
	for _, size := range []int{2 << 10, 6 << 10, 60 << 10} { // of the states, the store of the measures, the tables
		limited(t, size, "run", w.model, "--adapter", w.adapter, "--prompts", w.prompts, "--save-states", "--fresh", "--out", w.at("out")).
			refused(t, exitInput, "--out", syscall.EFBIG.Error())
		limited(t, size, "analyze", w.at("out"), "--out", w.at("new")).
			refused(t, exitInput, "--out", syscall.EFBIG.Error())
		if isFolder(w.at("new")) {
			t.Error("analyze left a folder")
		}
	}
	sameFiles(t, "the earlier results", snapshot(t, w.at("out")), before)
}
