//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// peakRSS is the largest resident memory of this process so far, in bytes, or 0
// where the system does not tell.
func peakRSS() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		// getrusage also counts what the parent held when it started us.
		var kib int64
		if _, line, ok := strings.Cut(string(status), "VmHWM:"); ok {
			if _, err := fmt.Sscanf(line, "%d kB", &kib); err == nil {
				return kib << 10
			}
		}
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" { // bytes there, kilobytes elsewhere
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}
