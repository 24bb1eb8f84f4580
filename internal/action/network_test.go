package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// trial is an action in an account that it can be tried out in. A trial of an action that makes several changes
// of one account has several steps, which run in order and are undone in reverse.
type trial struct {
	name  string
	setup func(w *awssim.World)
	steps []trialStep
	// differs tells the resources that need not be as before after the undo: what the action declares as Partly.
	differs func(key string) bool
	// moment: the last step writes the moment of the call, so that a second call writes another.
	moment bool
}

// trials is every action that changes something, each in an account of its own.
var trials = slices.Concat(ec2Trials, credentialTrials, roleTrials, accountTrials, identityTrials)

type trialStep struct {
	action Action
	target casefile.Target
	params map[string]string
}

const (
	suspect  = "i-0000000000000000a"
	neighbor = "i-0000000000000000b"
	simWorld = "eu-west-1"
	managing = "999988887777" // the organisation's management account
)

// stage is one world with a caller, between whose calls virtual time passes.
type stage struct {
	*testing.T
	world *awssim.World
	conn  *AWS
}

func (tr trial) stage(t *testing.T, lag int) *stage {
	t.Helper()
	w := awssim.New(awssim.Options{PageSize: 2, Lag: lag, Seed: 1})
	tr.setup(w)
	w.Suspect(suspect)
	cfg := aws.Config{Region: simWorld, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	w.Attach(&cfg, "arn:aws:sts::111122223333:assumed-role/responder/ann")
	c := Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", "arn:aws:sts::111122223333:assumed-role/responder/ann"
	outside := aws.Config{Region: simWorld, Retryer: cfg.Retryer}
	w.Attach(&outside, "arn:aws:sts::"+managing+":assumed-role/responder/ann")
	c.Management = Connect(outside)
	c.Management.Account, c.Management.Partition, c.Management.Caller = managing, "aws", "arn:aws:sts::"+managing+":assumed-role/responder/ann"
	return &stage{t, w, c}
}

// played is a step that was brought about.
type played struct {
	step          trialStep
	target        Target
	before, after json.RawMessage
}

func (s *stage) observe(a Action, t Target) (json.RawMessage, error) {
	return a.Observe(Allow(s.Context(), a.Reads, nil, nil), s.conn, t)
}

// see looks until a look succeeds.
func (s *stage) see(a Action, t Target) json.RawMessage {
	s.Helper()
	for i := 0; ; i++ {
		now, err := s.observe(a, t)
		if err == nil {
			return now
		}
		if i == 20 {
			s.Fatalf("%s: %v", a.Name, err)
		}
		time.Sleep(time.Second)
	}
}

// settled looks until something has changed, for as long as AWS may take to show it.
func (s *stage) settled(a Action, t Target, was json.RawMessage) json.RawMessage {
	s.Helper()
	for range 4 {
		time.Sleep(2 * time.Second)
		if now := s.see(a, t); !Same(now, was) {
			return now
		}
	}
	return was
}

// bringAbout does what the engine does: look, apply while there is something to do, wait, look again.
func (s *stage) bringAbout(step trialStep, needs map[string]json.RawMessage) played {
	s.Helper()
	a := step.action
	t := Target{Target: step.target, Case: "case-1", OpID: "op-" + a.Name, Params: step.params, Needs: needs}
	before := s.see(a, t)
	now := before
	var failed error
	for range 40 {
		st, err := a.Status(t, now)
		if err != nil {
			s.Fatalf("%s: status of %s: %v", a.Name, now, err)
		}
		if st == Done {
			return played{step, t, before, now}
		}
		if st == Todo {
			failed = a.Apply(Allow(s.Context(), a.Reads, a.Writes, nil), s.conn, t, now)
		}
		now = s.settled(a, t, now)
	}
	s.Fatalf("%s is not done; now %s, last error %v", a.Name, now, failed)
	return played{}
}

func (s *stage) bringAll(steps []trialStep) []played {
	s.Helper()
	needs := map[string]json.RawMessage{}
	var all []played
	for _, step := range steps {
		p := s.bringAbout(step, needs)
		all = append(all, p)
		needs = map[string]json.RawMessage{}
		for _, q := range all {
			needs[q.step.action.Name] = q.after
		}
	}
	return all
}

func (s *stage) putBack(all []played) {
	s.Helper()
	s.world.AllowDeletes(true)
	for _, p := range slices.Backward(all) {
		a := p.step.action
		if !a.Undoable() {
			continue
		}
		now := s.see(a, p.target)
		var failed error
		for i := 0; !Same(now, p.before); i++ {
			if i == 40 {
				s.Fatalf("%s did not come back: %s, not %s; last error %v", a.Name, now, p.before, failed)
			}
			failed = a.Undo(Allow(s.Context(), a.Reads.Plus(a.UndoReads), a.UndoWrites, nil), s.conn, p.target, p.before, now)
			now = s.settled(a, p.target, now)
		}
	}
}

func (s *stage) noViolations() {
	s.Helper()
	if v := s.world.Violations(); len(v) > 0 {
		s.Errorf("the simulated account complains: %q", v)
	}
}

func (tr trial) came(t *testing.T, before, after map[string]any) {
	t.Helper()
	for _, d := range awssim.Diff(before, after) {
		key := strings.SplitN(strings.SplitN(d, ": ", 2)[1], "\n", 2)[0]
		if tr.differs == nil || !tr.differs(key) {
			t.Errorf("not as before: %s", d)
		}
	}
}

func TestTrialsChangeNothingWhilePlanning(t *testing.T) {
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tr.stage(t, 0)
				before := s.world.Dump()
				for _, step := range tr.steps {
					target := Target{Target: step.target, Case: "case-1", Params: step.params}
					now := s.see(step.action, target)
					if step.action.Impact != nil {
						hits, err := step.action.Impact(Allow(t.Context(), step.action.Reads, nil, nil), s.conn, target, now)
						if err != nil {
							t.Errorf("%s: impact: %v", step.action.Name, err)
						}
						if slices.Contains(hits, "") {
							t.Errorf("%s: an empty line of impact", step.action.Name)
						}
					}
					if step.action.Change(target, now) == "" {
						t.Errorf("%s has no line for the plan", step.action.Name)
					}
				}
				if d := awssim.Diff(before, s.world.Dump()); len(d) > 0 {
					t.Errorf("planning changed the account: %q", d)
				}
				for _, c := range s.world.Calls() {
					if c.Write {
						t.Errorf("planning called %s", c.Operation)
					}
				}
			})
		})
	}
}

func TestTrialsComeBack(t *testing.T) {
	for _, tr := range trials {
		for _, lag := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s, lag %d", tr.name, lag), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := tr.stage(t, lag)
					before := s.world.Dump()
					all := s.bringAll(tr.steps)
					last := all[len(all)-1]
					done := s.world.Dump()
					// A second go, from the state that the first began with, as after a lost answer. An error is fine.
					_ = last.step.action.Apply(Allow(t.Context(), last.step.action.Reads, last.step.action.Writes, nil), s.conn, last.target, last.before)
					again := s.world.Dump()
					if !tr.moment {
						if d := awssim.Diff(done, again); len(d) > 0 {
							t.Errorf("applied twice: %q", d)
						}
					}
					s.putBack(all)
					s.noViolations()
					tr.came(t, before, s.world.Dump())
				})
			})
		}
	}
}

// Each call of a run fails once, before or after its effect. What is read back at the end is the same.
func TestTrialsSurviveEachFault(t *testing.T) {
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			calls := 0
			var want []json.RawMessage
			synctest.Test(t, func(t *testing.T) {
				s := tr.stage(t, 0)
				all := s.bringAll(tr.steps)
				for _, p := range all {
					want = append(want, p.after)
				}
				s.putBack(all)
				calls = len(s.world.Calls())
			})
			if calls == 0 {
				t.Fatal("nothing was called")
			}
			for n := 1; n <= calls; n++ {
				for _, after := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) {
						s := tr.stage(t, 0)
						before := s.world.Dump()
						s.world.SetHook(func(c awssim.Call) awssim.Fault {
							switch {
							case c.N != n:
								return awssim.Fault{}
							case after:
								return awssim.Fault{After: awssim.Timeout()}
							}
							return awssim.Fault{Before: awssim.Timeout()}
						})
						all := s.bringAll(tr.steps)
						for i, p := range all {
							if !sameButIDs(p.after, want[i]) {
								t.Errorf("call %d failed (after its effect: %t): %s ended as %s, not %s", n, after, p.step.action.Name, p.after, want[i])
							}
						}
						s.putBack(all)
						s.noViolations()
						tr.came(t, before, s.world.Dump())
					})
				}
			}
		})
	}
}

// A run that dies after any of its calls is released from there, without having been finished.
func TestTrialsComeBackFromHalfWay(t *testing.T) {
	for _, tr := range trials {
		t.Run(tr.name, func(t *testing.T) {
			for n, whole := 1, false; !whole; n++ {
				if n > 500 {
					t.Fatal("it never comes to its end")
				}
				synctest.Test(t, func(t *testing.T) {
					s := tr.stage(t, 0)
					before := s.world.Dump()
					s.world.SetHook(func(c awssim.Call) awssim.Fault {
						if c.N > n {
							return awssim.Fault{Before: awssim.Reset()}
						}
						return awssim.Fault{}
					})
					var begun []played
					begun, whole = s.bringUntilItDies(tr.steps)
					s.world.SetHook(nil)
					s.putBack(begun)
					s.noViolations()
					tr.came(t, before, s.world.Dump())
				})
			}
		})
	}
}

// bringUntilItDies applies each step once and stops at the first call that fails. whole: none did.
func (s *stage) bringUntilItDies(steps []trialStep) (begun []played, whole bool) {
	needs := map[string]json.RawMessage{}
	for _, step := range steps {
		a := step.action
		t := Target{Target: step.target, Case: "case-1", OpID: "op-" + a.Name, Params: step.params, Needs: needs}
		before, err := s.observe(a, t)
		if err != nil {
			return begun, false
		}
		begun = append(begun, played{step: step, target: t, before: before})
		if err := a.Apply(Allow(s.Context(), a.Reads, a.Writes, nil), s.conn, t, before); err != nil {
			return begun, false
		}
		after, err := s.observe(a, t)
		for i := 0; err == nil; i++ {
			if st, _ := a.Status(t, after); st == Done {
				break
			}
			if i == 40 {
				s.Fatalf("%s: applied once, undisturbed, and not done: %s", a.Name, after)
			}
			time.Sleep(time.Second)
			after, err = s.observe(a, t)
		}
		if err != nil {
			return begun, false
		}
		needs = map[string]json.RawMessage{a.Name: after}
	}
	return begun, true
}

// sameButIDs leaves out the group's id, which is another each time.
func sameButIDs(a, b json.RawMessage) bool {
	var x, y quarantine
	if json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && x.Found && y.Found {
		return slices.Equal(x.RulesIn, y.RulesIn) && slices.Equal(x.RulesOut, y.RulesOut)
	}
	var i, j isolation
	if json.Unmarshal(a, &i) == nil && json.Unmarshal(b, &j) == nil && len(i.Groups) > 0 {
		return len(i.Groups) == len(j.Groups)
	}
	return Same(a, b)
}

// Every declared operation is used by some trial and, the guard being what it is, no other is called.
func TestTrialsUseWhatIsDeclared(t *testing.T) {
	used := map[string]map[string]bool{}
	declared := map[string]Action{}
	for _, tr := range trials {
		synctest.Test(t, func(t *testing.T) {
			s := tr.stage(t, 0)
			note := func(a Action, from int) {
				if used[a.Name] == nil {
					used[a.Name] = map[string]bool{}
				}
				for _, c := range s.world.Calls()[from:] {
					used[a.Name][c.Service+":"+c.Operation] = true
				}
			}
			for _, step := range tr.steps {
				declared[step.action.Name] = step.action
				from := len(s.world.Calls())
				target := Target{Target: step.target, Case: "case-1", Params: step.params}
				if step.action.Impact != nil {
					if _, err := step.action.Impact(Allow(t.Context(), step.action.Reads, nil, nil), s.conn, target, s.see(step.action, target)); err != nil {
						t.Error(err)
					}
				}
				note(step.action, from)
			}
			needs := map[string]json.RawMessage{}
			var all []played
			for _, step := range tr.steps {
				from := len(s.world.Calls())
				p := s.bringAbout(step, needs)
				note(step.action, from)
				needs[step.action.Name] = p.after
				all = append(all, p)
			}
			for _, p := range slices.Backward(all) {
				from := len(s.world.Calls())
				s.putBack([]played{p})
				note(p.step.action, from)
			}
		})
	}
	for name, a := range declared {
		for _, o := range a.Reads.Plus(a.Writes, a.UndoReads, a.UndoWrites) {
			if !used[name][o.String()] {
				t.Errorf("%s declares %s and never calls it", name, o)
			}
		}
	}
}

// What cannot be looked at is an error and nothing else; what is not there wraps ErrGone.
func TestTrialsTellNotThereFromNotSeen(t *testing.T) {
	for _, tr := range trials {
		for _, step := range tr.steps {
			t.Run(tr.name+" "+step.action.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := tr.stage(t, 0)
					s.world.SetHook(func(c awssim.Call) awssim.Fault { return awssim.Fault{Before: awssim.AccessDenied(c.Operation)} })
					target := Target{Target: step.target, Case: "case-1", OpID: "op-1", Params: step.params}
					if now, err := s.observe(step.action, target); err == nil || errors.Is(err, ErrGone) {
						t.Errorf("with every call refused: state %s, error %v", now, err)
					}
				})
			})
		}
	}
}
