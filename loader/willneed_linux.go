package loader

import (
	"os"

	"golang.org/x/sys/unix"
)

// willNeed tells the system that a part of a file will be read soon.
func willNeed(f *os.File, offset, n int64) {
	unix.Fadvise(int(f.Fd()), offset, n, unix.FADV_WILLNEED) //nolint:errcheck // advice only
}
