package analyze

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// share hands the numbers 0 to n-1 out to the given number of goroutines, all
// that the processor has for 0. Each calls work once with a function that
// returns its next number, until there are none; so work can keep memory of
// its own between them.
func share(n, threads int, work func(next func() (int, bool))) {
	threads = threadCount(threads)
	var taken atomic.Int64
	next := func() (int, bool) {
		i := int(taken.Add(1)) - 1
		return i, i < n
	}
	var wg sync.WaitGroup
	for range min(threads, n) - 1 {
		wg.Go(func() { work(next) })
	}
	work(next)
	wg.Wait()
}

// threadCount is a number of threads, all that the processor has for 0.
func threadCount(threads int) int {
	if threads < 1 {
		return runtime.GOMAXPROCS(0)
	}
	return threads
}

// rowsAtOnce is how many rows of a state are one piece of work: fewer would
// spend as long on the handing out.
const rowsAtOnce = 32

// shareRows calls work for the rows 0 to n-1 on the given number of goroutines.
func shareRows(n, threads int, work func(i int)) {
	share((n+rowsAtOnce-1)/rowsAtOnce, threads, func(next func() (int, bool)) {
		for k, ok := next(); ok; k, ok = next() {
			for i := k * rowsAtOnce; i < min((k+1)*rowsAtOnce, n); i++ {
				work(i)
			}
		}
	})
}

// parallel calls work for 0 to n-1 on several goroutines, each with a workspace,
// and returns the error of the least i that failed.
func parallel(ctx context.Context, n, threads int, work func(w *workspace, i int) error) error {
	errs := make([]error, n)
	share(n, threads, func(next func() (int, bool)) {
		w := &workspace{}
		for i, ok := next(); ok && ctx.Err() == nil; i, ok = next() {
			errs[i] = work(w, i)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
