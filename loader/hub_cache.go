package loader

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// snapshot is a repository at one commit, in the cache:
//
//	models--org--name/blobs/ETAG               content, named by its hash
//	models--org--name/refs/REVISION            the commit of a branch or tag
//	models--org--name/snapshots/COMMIT/NAME    link to ../../blobs/ETAG
//	.locks/models--org--name/ETAG.lock         held while a blob is written
type snapshot struct {
	*repo
	commit string
	dir    string             // snapshots/COMMIT
	files  map[string]hubFile // by name; all files of the repository
	local  bool               // files is what the cache holds, and nothing can be downloaded
}

func (r *repo) snapshot(commit string) *snapshot {
	dir := filepath.Join(r.folder(), "snapshots", commit)
	return &snapshot{repo: r, commit: commit, dir: dir, files: map[string]hubFile{}}
}

// flatName is the id as one name.
func (r *repo) flatName() string { return "models--" + strings.Replace(r.id, "/", "--", 1) }

// folder is where the cache keeps the repository.
func (r *repo) folder() string { return filepath.Join(r.cache, r.flatName()) }

func (r *repo) refPath() string {
	return filepath.Join(r.folder(), "refs", filepath.FromSlash(r.revision))
}

// cachedCommit is the commit that the revision was when it was last asked for;
// "" where the cache does not know it.
func (r *repo) cachedCommit() (string, error) {
	if commitHash.MatchString(r.revision) {
		return r.revision, nil
	}
	data, err := readBounded(r.refPath(), 256)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(data))
	if !commitHash.MatchString(commit) {
		return "", inputErrorf("%s: %s is not a commit", r.refPath(), shown(commit))
	}
	return commit, nil
}

// remember notes which commit the revision is, once its files are there: until
// then an older snapshot is of more use to one who is offline. A cache that cannot
// be written to has served all the same.
func (s *snapshot) remember() {
	if known, err := s.cachedCommit(); err == nil && known == s.commit {
		return
	}
	path := s.refPath()
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	partial := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	if err == nil {
		err = os.WriteFile(partial, []byte(s.commit), 0o666)
	}
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		os.Remove(partial)
		s.progress.say(fmt.Sprintf("cannot note the commit of %s in the cache: %v", s, err))
	}
}

// bring makes sure that a file is in the snapshot's folder, whole.
func (s *snapshot) bring(ctx context.Context, f hubFile) error {
	pointer := filepath.Join(s.dir, filepath.FromSlash(f.name))
	if held, err := s.holds(pointer, f.size); held || err != nil {
		return err
	}
	if s.local {
		return inputErrorf("%s: %s is not whole in the cache", s, f.name)
	}
	f, err := s.describe(ctx, f)
	if err != nil {
		return err
	}
	if limit := maxHubFile(f.name); f.size > limit {
		return inputErrorf("%s: %s has %d bytes, more than the %d allowed", s, f.name, f.size, limit)
	}
	blob := filepath.Join(s.folder(), "blobs", f.etag)
	for _, path := range []string{blob, pointer} {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return &inputError{err}
		}
	}
	unlock, err := s.lock(ctx, f)
	if err != nil {
		return err
	}
	defer unlock()
	if held, err := s.holds(blob, f.size); err != nil {
		return err
	} else if !held {
		if err := s.download(ctx, f, blob); err != nil {
			return err
		}
	}
	if err := link(blob, pointer); err != nil {
		return inputErrorf("%s: %w", pointer, err)
	}
	return nil
}

// holds says whether path is a file of the cache with that size, where one is
// known. A link that leads out of the cache is an error: it was not made by a hub's
// client, and what it leads to is no part of the model.
func (r *repo) holds(path string, size int64) (bool, error) {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, &inputError{err}
	}
	if !within(target, r.cache) && !within(target, r.folder()) {
		return false, inputErrorf("%s: leads out of the cache, to %s", path, shown(target))
	}
	info, err := os.Stat(target)
	if err != nil {
		return false, &inputError{err}
	}
	if !info.Mode().IsRegular() {
		return false, inputErrorf("%s: is not a regular file", path)
	}
	return size < 0 || info.Size() == size, nil
}

// within says whether a path without links is in a folder, which may be a link:
// users move their caches, and single repositories, to other disks.
func within(path, folder string) bool {
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return false
	}
	inner, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(inner)
}

// link makes the pointer lead to the blob: by a relative link, so that a cache can
// be moved, or where the file system has none, as another name of the same file, or
// in the blob's stead, as huggingface_hub does.
func link(blob, pointer string) error {
	if err := os.Remove(pointer); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	relative, err := filepath.Rel(filepath.Dir(pointer), blob)
	if err != nil {
		return err
	}
	if os.Symlink(relative, pointer) == nil || os.Link(blob, pointer) == nil {
		return nil
	}
	return os.Rename(blob, pointer)
}

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 200 * time.Millisecond

// lock keeps other processes, Python's included, from writing the same blob. The
// file of the lock stays: one that is removed can be held twice.
func (s *snapshot) lock(ctx context.Context, f hubFile) (unlock func(), err error) {
	path := filepath.Join(s.cache, ".locks", s.flatName(), f.etag+".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, &inputError{err}
	}
	lock := flock.New(path, flock.SetPermissions(0o664))
	held, err := lock.TryLock()
	if err == nil && !held {
		s.progress.say(fmt.Sprintf("waiting for another process that downloads %s of %s", f.name, s))
		_, err = lock.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		return nil, inputErrorf("%s: cannot be locked: %w", path, err)
	}
	return func() { lock.Close() }, nil
}
