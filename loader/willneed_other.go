//go:build !linux

package loader

import "os"

// willNeed does nothing: this system is not asked for it.
func willNeed(*os.File, int64, int64) {}
