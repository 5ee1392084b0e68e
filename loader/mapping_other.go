//go:build !linux

package loader

import "os"

// On other systems files are read, not mapped.
func mapFile(*os.File, int64) []byte  { return nil }
func unmapFile([]byte) error          { return nil }
func touch([]byte, int64, int64)      {}
func release([]byte, int64, int64)    {}
func willNeed(*os.File, int64, int64) {}
