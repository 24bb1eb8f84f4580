package action

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go/middleware"

	"cordon/internal/casefile"
)

// ErrUndeclared is wrapped by the refusal of an operation that the running action has not declared. It never
// reaches AWS.
var ErrUndeclared = errors.New("not declared by the running action")

// scope is what a piece of work may call, and the recorder of what it called.
type scope struct {
	reads, writes Ops
	rec           *Recorder
}

type scopeKey struct{}

// Allow admits the given operations, and no others, to whatever runs under the context returned. Writes may be
// nil: then nothing can change. rec may be nil.
func Allow(ctx context.Context, reads, writes Ops, rec *Recorder) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope{reads: reads, writes: writes, rec: rec})
}

// Recorder collects the API calls of one step, and how long they waited for their turn. It is safe for concurrent
// use.
type Recorder struct {
	mu     sync.Mutex
	calls  []casefile.Operation
	queued int           // calls that wait now
	since  time.Time     // the first of them began to
	waited time.Duration // before that
}

// Calls returns what was called so far, in order of return.
func (r *Recorder) Calls() []casefile.Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]casefile.Operation(nil), r.calls...)
}

func (r *Recorder) add(o casefile.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, o)
}

// Waited is how long any of the calls waited for its turn within the API's rates. That is nobody's fault, so it does
// not count against the limits of a step. Time that several waited side by side counts once: it never exceeds what
// has passed.
func (r *Recorder) Waited() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queued == 0 {
		return r.waited
	}
	return r.waited + time.Since(r.since)
}

// inTurn waits by means of wait. r may be nil.
func (r *Recorder) inTurn(wait func() error) error {
	if r == nil {
		return wait()
	}
	r.queue(1)
	defer r.queue(-1)
	return wait()
}

func (r *Recorder) queue(more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queued == 0 {
		r.since = time.Now()
	}
	if r.queued += more; r.queued == 0 {
		r.waited += time.Since(r.since)
	}
}

// install puts the guard and the recorder on a client's stack.
func (l *limits) install(stack *middleware.Stack) error {
	if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("cordonGuard", guard), middleware.Before); err != nil {
		return err
	}
	// Presigning has no Retry step, and sends nothing.
	if _, ok := stack.Finalize.Get("Retry"); !ok {
		return nil
	}
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("cordonOnce", l.once), "Retry", middleware.After)
}

// guard refuses undeclared operations and records the declared ones.
func guard(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	o, ok := opOf(in.Parameters)
	s, scoped := ctx.Value(scopeKey{}).(scope)
	if !ok || !scoped || (!s.reads.Has(o) && !s.writes.Has(o)) {
		return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("call %s: %w", o, ErrUndeclared)
	}
	began := time.Now()
	out, md, err := next.HandleInitialize(ctx, in)
	if s.rec == nil {
		return out, md, err
	}
	call := casefile.Operation{Service: o.Service, Operation: o.Name, Time: began.UTC()}
	call.RequestID, _ = awsmiddleware.GetRequestIDMetadata(md)
	if results, ok := retry.GetAttemptResults(md); ok {
		call.Attempts = len(results.Results)
	}
	if err != nil {
		call.Error = err.Error()
	}
	s.rec.add(call)
	return out, md, err
}

// once keeps to the API's rates and makes the SDK's retryer give up on a change whose outcome is unknown: most
// changes have no client token, so a repeat after a lost answer does them twice. The engine reads back instead.
func (l *limits) once(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	o := Op{Service: l.service(ctx), Name: awsmiddleware.GetOperationName(ctx)}
	s, _ := ctx.Value(scopeKey{}).(scope)
	writes := s.writes.Has(o)
	if err := s.rec.inTurn(func() error { return l.wait(ctx, o, writes) }); err != nil {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	out, md, err := next.HandleFinalize(ctx, in)
	switch {
	case err == nil:
	case clockWrong(err, md):
		err = &signAgain{err}
	case writes && !Throttled(err):
		err = &unknownOutcome{err}
	}
	return out, md, err
}

// clockWrong tells a refusal because of the responder's clock: nothing was done. For most such codes the SDK itself
// signs anew with AWS's time, where the clock is more than 4 minutes off. These two, which EC2 and others answer, are on
// the list of its sister alone (CLOCK_SKEW_ERROR_CODES, github.com/aws/aws-sdk-js-v3,
// packages/service-error-classification/src/constants.ts).
func clockWrong(err error, md middleware.Metadata) bool {
	code := Code(err)
	off, known := awsmiddleware.GetAttemptSkew(md)
	return known && off.Abs() > 4*time.Minute && (code == "RequestExpired" || code == "RequestInTheFuture")
}

// signAgain tells the SDK's retryer to repeat, which it does with the time that AWS's answer named.
type signAgain struct{ error }

func (e *signAgain) Unwrap() error        { return e.error }
func (e *signAgain) RetryableError() bool { return true }

// unknownOutcome tells the SDK's retryer not to repeat.
type unknownOutcome struct{ error }

func (e *unknownOutcome) Unwrap() error        { return e.error }
func (e *unknownOutcome) RetryableError() bool { return false }

// Throttled tells an error that says "slower": nothing was done, and a repeat will do.
func Throttled(err error) bool {
	return retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}.IsErrorThrottle(err).Bool()
}
