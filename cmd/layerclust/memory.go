package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/extract"
)

// ownMemory is what the program takes before it computes anything: its code, the
// tokenizer, the runtime.
const ownMemory = 80 << 20

// sayMemory tells what the forward pass will take, before it begins. Pages of
// the model's files that the system holds for it are not counted.
func (j *job) sayMemory(f *inputFlags) error {
	o := f.extractOptions(j.in)
	o.Dir = j.out.dir
	plan, err := extract.MakePlan(j.in.model, j.in.adapters, j.in.prompts, o)
	if err != nil {
		return err
	}
	if limit := int64(f.maxMemory); limit > 0 && plan.Work > limit {
		return usageError{fmt.Errorf("--max-memory %s: too little, this run computes in %s (its longest prompt decides)", bytesText(limit), bytesText(plan.Work))}
	}
	where := "in memory"
	if plan.OnDisk {
		where = "on disk in " + j.out.dir
	}
	j.progress.say("memory: about %s (states %s %s)", bytesText(ownMemory+plan.Peak()), bytesText(plan.States), where)
	// What is garbage is then collected before the limit is passed. A limit below
	// what is in use would have it collect without end.
	debug.SetMemoryLimit(max(o.MaxMemory, ownMemory+plan.Peak()))
	return nil
}

// byteSize is a flag for a number of bytes: 8GiB, 500MB, or plain bytes.
type byteSize int64

// units of a byteSize, the longer names first.
var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// Set reads a positive number and a unit.
func (b *byteSize) Set(text string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n > 0) || n*u.bytes > math.MaxInt64/2 {
			break
		}
		*b = byteSize(math.Ceil(n * u.bytes))
		return nil
	}
	return fmt.Errorf("want a size as 8GiB, 500MB or a number of bytes")
}

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return bytesText(int64(*b))
}

// Type names the value in a usage text.
func (b *byteSize) Type() string { return "SIZE" }

// orDefault is the size, or a quarter of the machine's memory.
func (b byteSize) orDefault() int64 {
	if b > 0 {
		return int64(b)
	}
	return machineMemory() / 4
}

// unknownMemory is what a machine is taken to have that does not tell.
const unknownMemory = 16 << 30

// machineMemory is the memory that this process may come to use: the machine's,
// or its control group's where that is less.
func machineMemory() int64 {
	total := int64(unknownMemory)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		if _, line, ok := strings.Cut(string(text), "MemTotal:"); ok {
			var kib int64
			if _, err := fmt.Sscanf(line, "%d kB", &kib); err == nil {
				total = kib << 10
			}
		}
	}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		total = groupLimit("/sys/fs/cgroup", string(text), total)
	}
	return total
}

// groupLimit is the least memory limit of the control groups that membership,
// the text of /proc/self/cgroup, names, and of those around them; total where
// they have none. Version 2 has one tree in root, version 1 one for memory.
func groupLimit(root, membership string, total int64) int64 {
	for line := range strings.Lines(membership) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		tree, name := root, "memory.max"
		if parts[1] == "memory" {
			tree, name = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for group := filepath.Join("/", parts[2]); ; group = filepath.Dir(group) {
			if text, err := os.ReadFile(filepath.Join(tree, group, name)); err == nil {
				if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
					total = min(total, limit)
				}
			}
			if group == "/" {
				break
			}
		}
	}
	return total
}
