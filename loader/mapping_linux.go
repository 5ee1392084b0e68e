package loader

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file of size bytes for reading, or returns nil where it is
// better read: a file of a network or a user's own file system can vanish
// between two accesses, which ends the process that has it mapped.
func mapFile(f *os.File, size int64) []byte {
	var fs unix.Statfs_t
	if size == 0 || unix.Fstatfs(int(f.Fd()), &fs) != nil || remote[uint32(fs.Type)] {
		return nil
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil
	}
	return data
}

// remote are the magic numbers of file systems that are not a local disk's:
// NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, Lustre, GPFS, AFS and Coda.
var remote = map[uint32]bool{
	0x6969: true, 0x517b: true, 0xff534d42: true, 0xfe534d42: true, 0x65735546: true, 0x01021997: true,
	0x00c36400: true, 0x0bd00bd0: true, 0x47504653: true, 0x5346414f: true, 0x73757245: true,
}

// touch has the system make n bytes of a mapped file ready at once, which is
// faster than page by page as each is first used. Systems before 5.14 cannot.
func touch(data []byte, begin, n int64) {
	page := int64(os.Getpagesize())
	unix.Madvise(data[begin/page*page:begin+n], unix.MADV_POPULATE_READ) //nolint:errcheck // advice only
}

func unmapFile(data []byte) error { return unix.Munmap(data) }

// release tells the system that n bytes of a mapped file have been used. Only
// whole pages go.
func release(data []byte, begin, n int64) {
	page := int64(os.Getpagesize())
	lo, hi := (begin+page-1)/page*page, (begin+n)/page*page
	if lo < hi {
		unix.Madvise(data[lo:hi], unix.MADV_DONTNEED) //nolint:errcheck // advice only
	}
}

// willNeed tells the system that a part of a file will be read soon.
func willNeed(f *os.File, offset, n int64) {
	unix.Fadvise(int(f.Fd()), offset, n, unix.FADV_WILLNEED) //nolint:errcheck // advice only
}
