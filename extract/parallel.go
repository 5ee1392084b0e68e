package extract

import (
	"sync"
	"sync/atomic"
)

// parallel calls work(worker, i) for i from 0 to n-1 on several goroutines, each
// of which is one worker, and returns the error of the least i that failed. A
// panic of work goes on where the caller can catch it.
func parallel(n, workers int, work func(worker, i int) error) error {
	workers = min(workers, n)
	if workers <= 1 {
		for i := range n {
			if err := work(0, i); err != nil {
				return err
			}
		}
		return nil
	}
	var next, failed atomic.Int64
	failed.Store(int64(n))
	errs, panics := make([]error, n), make([]any, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			defer func() { panics[w] = recover() }()
			for i := next.Add(1) - 1; i < failed.Load(); i = next.Add(1) - 1 {
				if errs[i] = work(w, int(i)); errs[i] != nil {
					failed.Store(0) // what has begun is finished, nothing more begins
				}
			}
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
