package extract

import "time"

// pace decides when a checkpoint is due: not before some time has passed since
// the last, so that a fast run makes none, and not before costShare times what
// the last one took, so that on a slow disk they cost no more of the run.
type pace struct {
	every time.Duration
	last  time.Time
	took  time.Duration
}

const (
	saveEvery = time.Second // unless Options says otherwise
	costShare = 50          // a checkpoint may cost a fiftieth of the run
)

func newPace(every time.Duration) pace {
	return pace{every: every, last: time.Now()}
}

func (p *pace) due(now time.Time) bool {
	return now.Sub(p.last) >= max(p.every, costShare*p.took)
}

// made notes that a checkpoint that was begun at start is done now.
func (p *pace) made(start, now time.Time) {
	p.last, p.took = now, now.Sub(start)
}
