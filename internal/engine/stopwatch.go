package engine

import (
	"time"

	"cordon/internal/action"
)

// stopwatch measures what counts against a step's limits: waiting for a turn within the API's rates does not, or a
// long plan would give up on what is merely behind in the queue.
type stopwatch struct {
	e      *Engine
	rec    *action.Recorder
	began  time.Time
	waited time.Duration // by then
}

func (e *Engine) stopwatch(rec *action.Recorder) stopwatch {
	return stopwatch{e, rec, e.now(), rec.Waited()}
}

func (s stopwatch) spent() time.Duration {
	return s.e.now().Sub(s.began) - (s.rec.Waited() - s.waited)
}
