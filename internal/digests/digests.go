// Package digests takes the SHA-256 of the files that other work reads, without
// getting in its way, and remembers it between processes.
//
// Hashing is the one part of a run that looks at every byte of a model and has
// nothing to do with its result. So it goes on one goroutine beside the main
// work, which reads the same pages, and gives its processor back after every
// chunk: Go's scheduler then lets it run where a processor is idle, and seldom
// otherwise. When the main work is over, what is left goes on all processors. A
// file that has not changed since it was last hashed is not read at all.
//
// A thread of low priority would not do: while it waits for its turn it holds
// one of GOMAXPROCS processors, which no worker can take from it, and the
// garbage collector and the end of the run wait with it.
package digests

import (
	"context"
	"runtime"
	"sync"
)

// Work is the digests of some files on their way.
type Work struct {
	ctx   context.Context
	stop  context.CancelFunc
	cache Cache
	files []*file // each path once

	once  sync.Once
	hurry chan struct{} // closed when the main work is over
	left  chan struct{} // closed when the goroutine beside it has returned
	done  chan struct{} // closed when all files are
}

// Start begins to take the digests of files in the background, in the order
// given, which is best the one in which the main work reads them.
func Start(ctx context.Context, cache Cache, paths []string) *Work {
	w := &Work{cache: cache, hurry: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{})}
	w.ctx, w.stop = context.WithCancel(ctx)
	seen := map[string]bool{}
	for _, path := range paths {
		if !seen[path] {
			seen[path] = true
			w.files = append(w.files, &file{path: path})
		}
	}
	go w.beside()
	return w
}

// beside works until the main work is over.
func (w *Work) beside() {
	defer close(w.left)
	for _, f := range w.files {
		if !f.advance(w.ctx, w.cache, w.hurry) {
			return
		}
	}
}

// Hurry says that the main work is over: what is left goes on all processors.
func (w *Work) Hurry() {
	w.once.Do(func() {
		close(w.hurry)
		go func() {
			defer close(w.done)
			<-w.left
			w.finish()
		}()
	})
}

func (w *Work) finish() {
	var group sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, f := range w.files {
		free <- struct{}{}
		group.Go(func() {
			f.advance(w.ctx, w.cache, nil)
			<-free
		})
	}
	group.Wait()
}

// Wait hurries and returns the digests by path, in hexadecimal, or the error of
// the first file that has one.
func (w *Work) Wait() (map[string]string, error) {
	w.Hurry()
	<-w.done
	sums := make(map[string]string, len(w.files))
	for _, f := range w.files {
		if f.err != nil {
			return nil, f.err
		}
		sums[f.path] = f.sum
	}
	return sums, nil
}

// Stop ends the work, done or not. It does not wait for a read that hangs.
func (w *Work) Stop() {
	w.stop()
	w.Hurry() // closes what is open
}
