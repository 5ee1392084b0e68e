package particles

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// spread does independent pieces of work on all processors. Each writes to a
// place of its own, so the result does not depend on their order.
func spread(count int, do func(i int) error) error {
	errs := make([]error, count)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(count, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				errs[i] = do(i)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
