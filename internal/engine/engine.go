// Package engine plans, applies, resumes and releases, and is the only writer of the journal. Whatever it sends
// to AWS it has first made durable as an intent, and whatever it records as done it has read back.
package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// ErrDecision is wrapped where a person has to decide: drift, a missing approval, an irreversible step.
var ErrDecision = errors.New("a decision is needed")

// ErrSecond is wrapped where a second person has to sign and nobody has.
var ErrSecond = fmt.Errorf("%w: a second person has to sign", ErrDecision)

// ErrPartly is wrapped where the work ended with something not done.
var ErrPartly = errors.New("partly done")

// ErrSuperseded is wrapped where somebody approved a release or another plan meanwhile.
var ErrSuperseded = errors.New("another plan was approved meanwhile")

// Engine carries out plans under one case's journal. A zero Sleep, Random or Now takes the real ones.
type Engine struct {
	AWS     *action.AWS
	Case    *casefile.Case
	Signer  *casefile.Signer
	Person  string // who sits at the keyboard
	Session casefile.SessionBody
	Now     func() time.Time
	Sleep   func(ctx context.Context, d time.Duration) error
	Random  io.Reader
	Notify  func(Event)   // progress, from many goroutines; may be nil
	Wait    bool          // wait for slow evidence as well, not for containment alone
	Patient time.Duration // how long another responder's open intent is left alone; default 30 s

	Second       []byte          // the second person's countersignature, where the plan needs one
	Approvers    []string        // verifier keys, one of which the second person's must be; empty: any but the first's
	Irreversible []int           // steps that may not be undone and are approved all the same
	Actions      []action.Action // what plans may ask for; default action.All

	// Next is a command about this case as it is typed here, with the flags that it needs; nil: without any.
	Next func(command string, more ...string) string

	places int // how many steps are at work at once; default atOnce

	mu      sync.Mutex
	writer  *casefile.Writer
	drawing sync.Mutex
	reading sync.Mutex // held while entries of others may come in
}

// Event is a step's progress, for people.
type Event struct {
	Step  casefile.Step
	State casefile.StepState
	Note  string
}

func (e *Engine) now() time.Time {
	if e.Now == nil {
		return time.Now().UTC()
	}
	return e.Now().UTC()
}

func (e *Engine) sleep(ctx context.Context, d time.Duration) error {
	if e.Sleep != nil {
		return e.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (e *Engine) next(command string, more ...string) string {
	if e.Next != nil {
		return e.Next(command, more...)
	}
	return strings.Join(append([]string{"cordon", command, e.Case.Meta.ID}, more...), " ")
}

func (e *Engine) notify(s casefile.Step, state casefile.StepState, note string) {
	if e.Notify != nil {
		e.Notify(Event{s, state, note})
	}
}

// opID is 128 random bits, so that nobody can make something that looks like ours beforehand.
func (e *Engine) opID() (string, error) {
	b := make([]byte, 16)
	r := e.Random
	if r == nil {
		r = rand.Reader
	}
	e.drawing.Lock() // not every Reader may be shared
	defer e.drawing.Unlock()
	if _, err := io.ReadFull(r, b); err != nil {
		return "", fmt.Errorf("draw a random op-id: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// append writes one entry, after the session entry that every process begins with. reconsider, which may be nil,
// is asked before the first try (with no entries) and whenever somebody else was faster; what it has seen by
// then is the whole journal before the entry, since every entry of others comes in under the same lock.
func (e *Engine) append(ctx context.Context, d casefile.Draft, reconsider func([]casefile.Entry) error) (casefile.Entry, error) {
	w, err := e.begin(ctx)
	if err != nil {
		return casefile.Entry{}, err
	}
	e.reading.Lock()
	defer e.reading.Unlock()
	if reconsider != nil {
		if err := reconsider(nil); err != nil {
			return casefile.Entry{}, err
		}
	}
	entry, err := e.Case.Append(ctx, w, d, reconsider)
	if err != nil {
		return entry, fmt.Errorf("write the journal: %w", err)
	}
	return entry, nil
}

// refresh reads what others have appended.
func (e *Engine) refresh(ctx context.Context) error {
	e.reading.Lock()
	defer e.reading.Unlock()
	if _, err := e.Case.Refresh(ctx); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}

func (e *Engine) begin(ctx context.Context) (*casefile.Writer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writer != nil {
		return e.writer, nil
	}
	nonce, err := e.opID()
	if err != nil {
		return nil, err
	}
	w := &casefile.Writer{
		Signer: e.Signer, Now: e.now,
		By: casefile.By{ARN: e.AWS.Caller, Person: e.Person, Nonce: nonce},
	}
	body := e.Session
	body.Key, body.Account = e.Signer.VerifierKey(), e.AWS.Account
	if _, err := e.Case.Append(ctx, w, casefile.Draft{Kind: casefile.EntrySession, Body: body}, nil); err != nil {
		return nil, fmt.Errorf("write the journal: %w", err)
	}
	e.writer = w
	return w, nil
}

// actionFor finds a plan's action among those this cordon knows.
func (e *Engine) actionFor(name string) (action.Action, error) {
	known := e.Actions
	if known == nil {
		known = action.All
	}
	for _, a := range known {
		if a.Name == name {
			return a, nil
		}
	}
	return action.Action{}, fmt.Errorf("the plan asks for %q, which this cordon does not know: plan again with this version", name)
}

// permanent tells an error that a repeat cannot mend. Everything else may be AWS not having caught up yet.
func permanent(err error) bool {
	if action.Throttled(err) {
		return false
	}
	if errors.Is(err, action.ErrUndeclared) {
		return true
	}
	code := action.Code(err)
	for _, p := range []string{
		"AccessDenied", "UnauthorizedOperation", "AuthFailure", "OptInRequired", "LimitExceeded", "MalformedPolicy",
		"ValidationError", "ValidationException", "InvalidParameter", "MissingParameter", "UnsupportedOperation", "OperationNotPermitted",
		"UnmodifiableEntity", "Unsupported", "Disabled", "KMSInvalidState",
	} {
		if strings.Contains(code, p) {
			return true
		}
	}
	return false
}

// loggedOut tells that the credentials have ended: nothing more can be done, and nothing is wrong with the step.
func loggedOut(err error) bool {
	switch action.Code(err) {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch":
		return true
	}
	return false
}
