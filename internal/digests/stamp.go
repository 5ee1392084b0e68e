package digests

import (
	"os"
	"time"
)

// stamp is what tells a file from what it was before, as in git's index: a file
// with the same stamp has the same bytes. What a system does not have is 0.
type stamp struct {
	Size    int64
	Written int64 // modification of the content, Unix time in ns
	Changed int64 // modification of content or attributes, which no program can set
	Device  uint64
	Inode   uint64
}

func stampOf(info os.FileInfo) stamp {
	s := stamp{Size: info.Size(), Written: info.ModTime().UnixNano()}
	s.identify(info)
	return s
}

// coarsest is the step of the coarsest clock of a file system, FAT's. A test
// makes it shorter.
var coarsest = 2 * time.Second

// settled says whether any change after a moment would give another stamp.
func (s stamp) settled(at time.Time) bool {
	return at.Sub(time.Unix(0, max(s.Written, s.Changed))) > coarsest
}
