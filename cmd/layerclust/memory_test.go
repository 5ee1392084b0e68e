package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{
		"8GiB": 8 << 30, "500MB": 500_000_000, "1.5 GiB": 3 << 29, "123456": 123456, "64kB": 64000, "2KiB": 2048, "7B": 7, "1TB": 1e12,
	} {
		var b byteSize
		if err := b.Set(text); err != nil || int64(b) != want || b.orDefault() != want {
			t.Errorf("%s: %d, %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "GiB", "8 gigs", "nan", "inf", "1e30GiB", "8GiBx"} {
		var b byteSize
		if err := b.Set(text); err == nil {
			t.Errorf("%q was taken for %d bytes", text, b)
		}
	}
}

// TestGroupLimit: the files of both versions of Linux's control groups, as its
// documentation has them.
func TestGroupLimit(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"memory.max":                               "max\n",
		"job/memory.max":                           "2000\n",
		"job/step/memory.max":                      "max\n",
		"memory/memory.limit_in_bytes":             "9223372036854771712\n",
		"memory/slurm/uid_0/memory.limit_in_bytes": "3000\n",
	} {
		path = filepath.Join(root, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	for membership, want := range map[string]int64{
		"0::/job/step\n": 2000, // of the group around it
		"0::/other\n":    10000,
		"12:cpu,cpuacct:/slurm\n4:memory:/slurm/uid_0/job_1\n0::/\n": 3000,
		"": 10000,
	} {
		if got := groupLimit(root, membership, 10000); got != want {
			t.Errorf("%q: %d, want %d", membership, got, want)
		}
	}
	if n := machineMemory(); n < 64<<20 {
		t.Errorf("this machine has %d bytes of memory", n)
	}
}
