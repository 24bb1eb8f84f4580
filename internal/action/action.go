// Package action is what cordon can do in an AWS account: one file an action, each saying what it reads, what
// it changes, how to see that it worked and how to put it back. It also holds the one seam to AWS: the clients
// and the guard that refuses whatever the running action has not declared.
package action

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"cordon/internal/casefile"
)

// ErrGone is wrapped by Observe when the target does not exist (any more). It is an observation, unlike an
// error to look.
var ErrGone = errors.New("does not exist")

// Status is what an observed state means for a step.
type Status int

// The answers of an action's Status. Waiting: the change is under way in AWS and nothing is to be sent.
const (
	Todo Status = iota
	Waiting
	Done
)

// Target is a step's target with all that the action needs to act on it.
type Target struct {
	casefile.Target
	Case   string
	OpID   string            // random, from the intent; "" while planning, when nothing of ours can exist
	Params map[string]string // the step's options, decided at plan time
	Needs  map[string]json.RawMessage
	// Needs holds the after-state of the steps this one comes after, by action name. Empty while planning.
}

// Param returns an option of the step, "" where it has none of that name.
func (t Target) Param(name string) string { return t.Params[name] }

// List returns an option that holds several values, one a line.
func (t Target) List(name string) []string {
	if t.Params[name] == "" {
		return nil
	}
	return strings.Split(t.Params[name], "\n")
}

// List joins values into one option; Target.List takes it apart again.
func List(values []string) string { return strings.Join(values, "\n") }

// Spec declares an action that changes something. S is the canonical, small state that the effect or its undo
// depends on: sorted, nothing that moves by itself, so that equal accounts give equal bytes and an intruder
// who changes something unrelated cannot hold the run up with drift.
type Spec[S any] struct {
	Name    string
	Summary string // what it does and what that means for whoever depends on the target
	Phase   casefile.Phase
	Target  casefile.Kind

	Reads      Ops // by Observe and Impact
	Writes     Ops // by Apply
	UndoReads  Ops // by Undo, beyond Reads
	UndoWrites Ops // by Undo

	Observe func(ctx context.Context, c *AWS, t Target) (S, error)
	Status  func(t Target, now S) Status
	Apply   func(ctx context.Context, c *AWS, t Target, now S) error
	Undo    func(ctx context.Context, c *AWS, t Target, before, now S) error
	Impact  func(ctx context.Context, c *AWS, t Target, now S) ([]string, error) // who else is hit; may be nil
	Change  func(t Target, now S) string                                         // "off -> on", for the plan
	// Apart is for a target of parts that others may change too: what a release wants it to be, given what it was, what
	// cordon left and what it is now, and what stays different by their doing, "" where nothing does. May be nil: then
	// any difference from what cordon left is drift, and all of it is left.
	Apart func(before, after, now S) (want S, theirs string)

	Creates   bool // an ambiguous Apply is looked up by op-id for a bounded time before it is repeated
	Partial   bool // Apply makes several calls: a crash may leave part of the effect, so the first before-state stands
	GivesBack bool // ends something an earlier step of the plan began; release has nothing to undo
	Evidence  bool // leaves evidence in the account, which release keeps
	Isolates  bool // cuts network paths: counts for "isolated after"
	Watches   bool // makes what watches work again: stops nobody, so that it alone contains nothing
	Volatile  bool // the state moves by itself, or at an intruder's will: a difference from the plan is no drift

	Irreversible string
	Partly       string
	AsRoot       bool   // its calls of IAM are made in a session of the root user, which its task policy allows them
	AccountWide  string // why it concerns the whole account, and so needs a second person's signature; "" where it does not
	Returns      string // what comes back with a release that whoever asks for it may not want; "" where nothing does
}

// Gather declares an action that only collects evidence.
type Gather struct {
	Name     string
	Summary  string
	Phase    casefile.Phase
	Target   casefile.Kind
	Reads    Ops
	AsRoot   bool // see Spec
	Deadline int  // seconds until what is missing goes to the loss ledger
	// Collect hands each artifact or loss to sink. ErrWaiting: not ready yet, call again. What Collect did
	// before returning ErrWaiting is kept, and sink ignores an artifact of the same name given again.
	Collect func(ctx context.Context, c *AWS, t Target, sink Sink) error
	// Change is the plan's line.
	Change func(t Target) string
}

// ErrWaiting is answered by Collect when evidence is still being made by AWS.
var ErrWaiting = errors.New("not ready yet")

// Sink takes what a Gather collects. Its methods are safe for concurrent use.
type Sink interface {
	// Artifact keeps bytes as evidence.
	Artifact(name, source string, data []byte) error
	// Durable records a thing left in AWS, with its state and lock as read back.
	Durable(name, source, id, state, lock string) error
	// Loss enters the loss ledger: planned, not had, and why.
	Loss(name, source, reason string) error
}

// Action is a Spec or a Gather with its state's type erased to canonical JSON.
type Action struct {
	Name         string
	Summary      string
	Phase        casefile.Phase
	Target       casefile.Kind
	Reads        Ops
	Writes       Ops
	UndoReads    Ops
	UndoWrites   Ops
	Creates      bool
	Partial      bool
	GivesBack    bool
	Evidence     bool
	Isolates     bool
	Watches      bool
	Volatile     bool
	Irreversible string
	Partly       string
	AccountWide  string
	Returns      string
	AsRoot       bool
	DeadlineS    int

	Collect func(ctx context.Context, c *AWS, t Target, sink Sink) error // set on gathering actions alone
	Observe func(ctx context.Context, c *AWS, t Target) (json.RawMessage, error)
	Status  func(t Target, now json.RawMessage) (Status, error)
	Apply   func(ctx context.Context, c *AWS, t Target, now json.RawMessage) error
	Undo    func(ctx context.Context, c *AWS, t Target, before, now json.RawMessage) error
	Impact  func(ctx context.Context, c *AWS, t Target, now json.RawMessage) ([]string, error)
	Change  func(t Target, now json.RawMessage) string
	Apart   func(before, after, now json.RawMessage) (want json.RawMessage, theirs string, err error)
}

// Gathers tells an action that only collects from one that changes something.
func (a Action) Gathers() bool { return a.Collect != nil }

// Undoable tells whether release has something to do for this action.
func (a Action) Undoable() bool { return a.Undo != nil && !a.GivesBack && !a.Evidence }

// define erases the state's type: the engine, the plan and the journal know states as canonical JSON only, so
// that comparing them is comparing bytes.
func define[S any](s Spec[S]) Action {
	a := Action{
		Name: s.Name, Summary: s.Summary, Phase: s.Phase, Target: s.Target,
		Reads: s.Reads, Writes: s.Writes, UndoReads: s.UndoReads, UndoWrites: s.UndoWrites,
		Creates: s.Creates, Partial: s.Partial, GivesBack: s.GivesBack, Evidence: s.Evidence, Isolates: s.Isolates, Watches: s.Watches, Volatile: s.Volatile,
		Irreversible: s.Irreversible, Partly: s.Partly, AccountWide: s.AccountWide, Returns: s.Returns, AsRoot: s.AsRoot,
	}
	a.Observe = func(ctx context.Context, c *AWS, t Target) (json.RawMessage, error) {
		state, err := s.Observe(ctx, c, t)
		if err != nil {
			return nil, fmt.Errorf("observe %s: %w", t.ID, err)
		}
		return json.Marshal(state)
	}
	a.Status = func(t Target, now json.RawMessage) (Status, error) {
		state, err := decode[S](now)
		if err != nil {
			return Todo, err
		}
		return s.Status(t, state), nil
	}
	a.Apply = func(ctx context.Context, c *AWS, t Target, now json.RawMessage) error {
		state, err := decode[S](now)
		if err != nil {
			return err
		}
		return s.Apply(ctx, c, t, state)
	}
	if s.Undo != nil {
		a.Undo = func(ctx context.Context, c *AWS, t Target, before, now json.RawMessage) error {
			b, err := decode[S](before)
			if err != nil {
				return err
			}
			n, err := decode[S](now)
			if err != nil {
				return err
			}
			return s.Undo(ctx, c, t, b, n)
		}
	}
	if s.Apart != nil {
		a.Apart = apart(s.Apart)
	}
	if s.Impact != nil {
		a.Impact = func(ctx context.Context, c *AWS, t Target, now json.RawMessage) ([]string, error) {
			state, err := decode[S](now)
			if err != nil {
				return nil, err
			}
			return s.Impact(ctx, c, t, state)
		}
	}
	if s.Change != nil {
		a.Change = func(t Target, now json.RawMessage) string {
			state, err := decode[S](now)
			if err != nil {
				return ""
			}
			return s.Change(t, state)
		}
	}
	return a
}

func apart[S any](of func(before, after, now S) (S, string)) func(before, after, now json.RawMessage) (json.RawMessage, string, error) {
	return func(before, after, now json.RawMessage) (json.RawMessage, string, error) {
		var states [3]S
		for i, m := range []json.RawMessage{before, after, now} {
			var err error
			if states[i], err = decode[S](m); err != nil {
				return nil, "", err
			}
		}
		want, theirs := of(states[0], states[1], states[2])
		data, err := json.Marshal(want)
		return data, theirs, err
	}
}

// gather turns a Gather into an Action.
func gather(g Gather) Action {
	a := Action{Name: g.Name, Summary: g.Summary, Phase: g.Phase, Target: g.Target, Reads: g.Reads, AsRoot: g.AsRoot, DeadlineS: g.Deadline, Collect: g.Collect}
	if g.Change != nil {
		a.Change = func(t Target, _ json.RawMessage) string { return g.Change(t) }
	}
	return a
}

// Same tells whether two observations are the same state: the same canonical JSON (RFC 8785), whichever way a
// plan file or the journal spelt it.
func Same(a, b json.RawMessage) bool {
	return len(a) > 0 && bytes.Equal(canonical(a), canonical(b))
}

func canonical(m json.RawMessage) []byte {
	v := jsontext.Value(bytes.Clone(m))
	if err := v.Canonicalize(); err != nil {
		return m
	}
	return v
}

// seen spells a state as define does, for a draft that knows it already.
func seen(state any) json.RawMessage {
	text, err := json.Marshal(state)
	if err != nil {
		panic(err) // states are strings, numbers, and lists and maps of them
	}
	return text
}

func decode[S any](m json.RawMessage) (S, error) {
	var s S
	if err := json.Unmarshal(m, &s); err != nil {
		return s, fmt.Errorf("read a recorded state: %w", err)
	}
	return s, nil
}

// need decodes the after-state of the step of that action which this step comes after. ok is false while
// planning, when nothing has been done yet.
func need[S any](t Target, action string) (state S, ok bool, err error) {
	raw, found := t.Needs[action]
	if !found {
		return state, false, nil
	}
	state, err = decode[S](raw)
	return state, err == nil, err
}
