package main

import (
	"context"

	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/layerclust/layerclust/analyze/spectra"
	"github.com/layerclust/layerclust/loader"
)

// denseMemory bounds what the tasks that go on at once take together, in bytes:
// with the program itself under 2 GiB. One that needs more goes on alone.
const denseMemory = 1600 << 20

// leastKept is the time that must have gone into something worth keeping.
const leastKept = 20 * time.Millisecond

func worthKeeping(began time.Time) bool { return time.Since(began) >= min(leastKept, saveEvery) }

// finding is what a task found for a variant.
type finding struct {
	task    int
	variant *loader.Adapter
	values  []spectra.Value
}

// run does all tasks on the threads that there are, and returns what they found
// by variant, then by task. What is found is kept at once, so that the same call
// goes on where this one ends.
func (d *dense) run(ctx context.Context, tasks []*denseTask) ([]spectra.Value, error) {
	r := &denseRun{dense: d, tasks: tasks, pace: newPace(tasks), room: newRoom(denseMemory)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.all(ctx)
	}()
	select {
	case <-ended:
	case <-ctx.Done(): // a decomposition that goes on is left behind
	}
	if err := ctx.Err(); err != nil {
		done, total := r.pace.count()
		return nil, unfinished{err, d.flags.fresh, fmt.Sprintf("piece %d of %d", done, total)}
	}
	if r.panicked != nil {
		panic(r.panicked)
	}
	if known := r.pace.known; known > 0 {
		d.progress.say("%d of %d pieces were known from an earlier call", known, r.pace.total)
	}
	return r.values(), r.err
}

// denseRun is the work on its way.
type denseRun struct {
	*dense
	tasks []*denseTask
	pace  *pace
	room  *room

	mu       sync.Mutex
	next     int
	found    []finding
	failed   int // the least task with an error, if there is one
	err      error
	panicked any
}

func (r *denseRun) all(ctx context.Context) {
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					r.stop(-1, nil, p)
				}
			}()
			for i, ok := r.take(ctx); ok; i, ok = r.take(ctx) {
				if err := r.do(i); err != nil {
					r.stop(i, fmt.Errorf("layer %d: %s: %w", r.tasks[i].layer, r.tasks[i].name(), err), nil)
				}
			}
		})
	}
	group.Wait()
}

// name is what a task is about, for an error.
func (t *denseTask) name() string {
	if t.module != "" {
		return t.module
	}
	return t.what
}

// take is the next task to do, until one has failed.
func (r *denseRun) take(ctx context.Context) (int, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || r.panicked != nil || ctx.Err() != nil || r.next == len(r.tasks) {
		return 0, false
	}
	r.next++
	return r.next - 1, true
}

func (r *denseRun) stop(task int, err error, panicked any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if panicked != nil {
		r.panicked = panicked
	}
	if err != nil && (r.err == nil || task < r.failed) { // the same one, whatever the threads did
		r.err, r.failed = err, task
	}
}

// do finds what of a task is known, and computes the rest.
func (r *denseRun) do(i int) error {
	t := r.tasks[i]
	keys := map[*loader.Adapter]string{}
	var missing []*loader.Adapter
	for _, a := range t.variants {
		key, err := r.key(t, a)
		if err != nil {
			return err
		}
		keys[a] = key
		if values, ok := r.cache.values(key); ok {
			r.add(i, a, values)
			r.pace.add(t, true)
		} else {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	r.room.enter(t.memory)
	defer r.room.leave(t.memory)
	r.progress.pieces(r.pace, t)
	began := time.Now()
	return t.compute(missing, func(a *loader.Adapter, values []spectra.Value) {
		if worthKeeping(began) {
			r.cache.putValues(keys[a], values)
		}
		began = time.Now()
		r.add(i, a, values)
		r.pace.add(t, false)
	})
}

func (r *denseRun) add(task int, a *loader.Adapter, values []spectra.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, finding{task, a, values})
}

// values puts what was found in order: by variant, then by task.
func (r *denseRun) values() []spectra.Value {
	byTask := make([]map[*loader.Adapter][]spectra.Value, len(r.tasks))
	for _, f := range r.found {
		if byTask[f.task] == nil {
			byTask[f.task] = map[*loader.Adapter][]spectra.Value{}
		}
		byTask[f.task][f.variant] = f.values
	}
	var all []spectra.Value
	for _, a := range append([]*loader.Adapter{nil}, r.adapters...) {
		name := spectra.Base
		if a != nil {
			name = a.Name
		}
		for i, t := range r.tasks {
			all = append(all, spectra.Placed(byTask[i][a], name, t.layer)...)
		}
	}
	return all
}

// room is memory that tasks share: each waits for its part, in turn, so that a
// large one is not passed by small ones for ever.
type room struct {
	turn sync.Mutex
	mu   sync.Mutex
	free *sync.Cond
	used int64
	size int64
}

func newRoom(size int64) *room {
	r := &room{size: size}
	r.free = sync.NewCond(&r.mu)
	return r
}

func (r *room) enter(n int64) {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used > 0 && r.used+n > r.size {
		r.free.Wait()
	}
	r.used += n
}

func (r *room) leave(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.free.Broadcast()
}

// pace is how far the work is. A task of several variants is so many pieces.
type pace struct {
	mu           sync.Mutex
	start        time.Time
	total, done  int
	known        int     // of done, those found in the cache
	work         float64 // of all
	made, spared float64 // of it, what was computed and what was known
}

func newPace(tasks []*denseTask) *pace {
	p := &pace{start: time.Now()}
	for _, t := range tasks {
		p.total += len(t.variants)
		p.work += t.work
	}
	return p
}

func (p *pace) add(t *denseTask, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	part := t.work / float64(len(t.variants))
	if known {
		p.known++
		p.spared += part
	} else {
		p.made += part
	}
}

func (p *pace) count() (done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.total
}

// left is the time that what is left will take, 0 where too little is done to tell.
func (p *pace) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made < p.work/200 {
		return 0
	}
	rest := max(0, p.work-p.made-p.spared)
	return time.Duration(float64(time.Since(p.start)) * rest / p.made).Round(time.Second)
}
