package extract

import "sync"

// inOrder computes items 0..n-1 on several goroutines and consumes them one by
// one, in order, on the caller's. No more than workers items exist at a time,
// so memory is bounded while one side waits for the other. The first error ends
// it; what was computed and not consumed is dropped.
func inOrder[T any](n, workers int, compute func(i int) (T, error), consume func(i int, item T) error, drop func(T)) error {
	type result struct {
		item  T
		err   error
		panic any // of compute, to go on where the caller can catch it
	}
	results := make([]chan result, n)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	room := make(chan struct{}, workers)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for i := range n {
			select {
			case room <- struct{}{}:
			case <-stop:
				return
			}
			running.Go(func() {
				var r result
				defer func() {
					r.panic = recover()
					results[i] <- r
				}()
				r.item, r.err = compute(i)
			})
		}
	})
	var err error
	for i := 0; i < n && err == nil; i++ {
		r := <-results[i]
		if r.panic != nil {
			panic(r.panic)
		}
		if err = r.err; err == nil {
			err = consume(i, r.item)
		}
		<-room
	}
	close(stop)
	running.Wait()
	for _, c := range results {
		select {
		case r := <-c:
			if r.err == nil && r.panic == nil {
				drop(r.item)
			}
		default:
		}
	}
	return err
}
