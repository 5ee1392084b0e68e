package loader

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/layerclust/layerclust/internal/digests"
)

const (
	// maxFailures is how many times in a row a download may break off without a byte
	// won before it is given up.
	maxFailures = 5

	// firstPause is the pause after the first of them; each further one is twice as long.
	firstPause = 500 * time.Millisecond

	// stallsAfter is how long an answer may bring nothing.
	stallsAfter = 60 * time.Second
)

// incompleteSuffix marks a blob that is not whole, as in huggingface_hub.
const incompleteSuffix = ".incomplete"

// download writes a blob, whose lock is held. It takes up an incomplete one where
// it ends, checks the whole on disk, and only then gives it its name.
func (s *snapshot) download(ctx context.Context, f hubFile, blob string) error {
	partial := blob + incompleteSuffix
	for {
		resumed, err := s.fill(ctx, f, partial)
		if err != nil {
			return err
		}
		err = s.verify(ctx, f, partial)
		if err == nil {
			if err = os.Rename(partial, blob); err != nil {
				return &inputError{err}
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if removal := os.Remove(partial); removal != nil {
			return &inputError{removal}
		}
		if !resumed {
			return err
		}
		// What was there before may have been at fault: once more from the start.
	}
}

// fill appends to the partial file until it has all bytes, and says whether it
// had some to begin with.
func (s *snapshot) fill(ctx context.Context, f hubFile, partial string) (resumed bool, err error) {
	file, err := openPartial(partial)
	if err != nil {
		return false, err
	}
	defer file.Close()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, inputErrorf("%s: %w", partial, err)
	}
	resumed = have > 0
	s.progress.begin(fmt.Sprintf("%s of %s", f.name, s), have, f.size)
	defer s.progress.end()
	most := have // ever; a server that lets it start over and over wins nothing
	for failures, pause := 0, s.pause; ; {
		have, err = s.extend(ctx, f, file, have)
		var answer *answerError
		if err == nil || !errors.As(err, &answer) || !answer.passing() {
			break
		}
		if have > most {
			failures, pause, most = 0, s.pause, have
		}
		if failures++; failures == maxFailures {
			return resumed, &answerError{0, fmt.Sprintf("%v; the %d bytes of %s that came are kept, and the next run goes on from there", err, have, f.name)}
		}
		select {
		case <-ctx.Done():
			return resumed, ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
	if err == nil {
		err = file.Sync()
	}
	return resumed, err
}

// openPartial opens or creates a file, which must be a plain one: the name can be
// foreseen, and must not be a link to somewhere.
func openPartial(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, inputErrorf("%s: is not a regular file", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &inputError{err}
	}
	return file, nil
}

// extend makes one request for what is missing behind the first have bytes of the
// file, and returns how many it then has.
func (s *snapshot) extend(ctx context.Context, f hubFile, file *os.File, have int64) (int64, error) {
	if have == f.size {
		return have, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	resp, err := s.request(ctx, s.client, http.MethodGet, s.filePath(f.name), f.name, have)
	if err != nil {
		var answer *answerError
		if errors.As(err, &answer) && answer.status == http.StatusRequestedRangeNotSatisfiable && have > 0 {
			return 0, &answerError{0, answer.text}
		}
		return have, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent || !startsAt(resp, have) {
		if resp.StatusCode != http.StatusOK {
			return 0, &answerError{0, fmt.Sprintf("%s: %s does not send the part of %s that was asked for", s, s.endpoint.Host, f.name)}
		}
		have = 0
	}
	return s.copyBody(ctx, cancel, f, file, have, resp.Body)
}

// startsAt says whether a partial answer begins with the byte that was asked for.
func startsAt(resp *http.Response, from int64) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from))
}

// copyBody writes an answer behind the first have bytes of the file.
func (s *snapshot) copyBody(ctx context.Context, cancel context.CancelCauseFunc, f hubFile, file *os.File, have int64, body io.Reader) (int64, error) {
	if err := file.Truncate(have); err != nil {
		return have, inputErrorf("%s: %w", file.Name(), err)
	}
	if _, err := file.Seek(have, io.SeekStart); err != nil {
		return have, inputErrorf("%s: %w", file.Name(), err)
	}
	s.progress.at(have)
	end := f.size
	if end < 0 {
		end = maxHubFile(f.name)
	}
	in := &watchedReader{body: body, progress: s.progress, patience: s.patience}
	in.stalled = time.AfterFunc(s.patience, func() { cancel(errStalled) })
	defer in.stalled.Stop()
	n, err := io.Copy(file, io.LimitReader(in, end-have+1))
	have += n
	switch {
	case in.err != nil && in.err != io.EOF:
		return have, s.unreached(ctx, in.err)
	case err != nil:
		return have, inputErrorf("%s: %w", file.Name(), err)
	case have > end:
		file.Truncate(0) //nolint:errcheck // what is left is checked in the next run
		return 0, fmt.Errorf("%s: %s sends more than the %d bytes of %s", s, s.endpoint.Host, end, f.name)
	case f.size >= 0 && have < f.size:
		return have, s.unreached(ctx, io.ErrUnexpectedEOF)
	}
	return have, nil
}

// errStalled ends an answer that has brought nothing for too long.
var errStalled = errors.New("nothing came for too long")

// watchedReader keeps the error of the network apart from that of the disk, and
// ends a wait that is too long.
type watchedReader struct {
	body     io.Reader
	progress *hubProgress
	patience time.Duration
	stalled  *time.Timer
	err      error
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.err = err
	r.stalled.Reset(r.patience)
	r.progress.add(int64(n))
	return n, err
}

// verify compares a file with what its blob is named after: 64 hexadecimal digits
// are its SHA-256, 40 are git's id of it or, at some mirrors, its SHA-1. Any other
// ETag says nothing of the content.
func (s *snapshot) verify(ctx context.Context, f hubFile, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return &inputError{err}
	}
	var sums []string
	switch {
	case f.size >= 0 && info.Size() != f.size:
		return fmt.Errorf("%s: %s has %d bytes, and %s states %d; it was removed", s, f.name, info.Size(), s.endpoint.Host, f.size)
	case largeHash.MatchString(f.etag):
		sum, err := digests.Sum(ctx, path)
		if err != nil {
			return err
		}
		sums = []string{sum}
	case commitHash.MatchString(f.etag):
		if sums, err = sha1Sums(path, info.Size()); err != nil {
			return err
		}
	default:
		return nil
	}
	for _, sum := range sums {
		if sum == f.etag {
			return nil
		}
	}
	return fmt.Errorf("%s: %s has the hash %s, and %s states %s; it was removed", s, f.name, sums[0], s.endpoint.Host, f.etag)
}

// sha1Sums returns git's id of a file, which hashes its length before its content,
// and the hash of the content alone.
func sha1Sums(path string, size int64) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, &inputError{err}
	}
	defer file.Close()
	git, bare := sha1.New(), sha1.New()
	fmt.Fprintf(git, "blob %d\x00", size)
	if _, err := io.Copy(io.MultiWriter(git, bare), file); err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	return []string{hex.EncodeToString(git.Sum(nil)), hex.EncodeToString(bare.Sum(nil))}, nil
}
