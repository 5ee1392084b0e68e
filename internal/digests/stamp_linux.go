package digests

import (
	"os"
	"syscall"
)

func (s *stamp) identify(info os.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Changed, s.Device, s.Inode = st.Ctim.Nano(), st.Dev, st.Ino
	}
}
