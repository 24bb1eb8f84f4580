package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// While a user is contained its owner deletes the leaked key and makes a new one, as one should. The release puts the
// rest back, says what differs, and leaves the owner's key alone; also where it is killed at any boundary.
func TestReleaseAfterRotation(t *testing.T) {
	s := scenarios[slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "credentials-leaked-key" })]
	const owners = "AKIAOWNERSNEWKEY0001"
	for killAt := 0; ; killAt++ {
		killed := false
		synctest.Test(t, func(t *testing.T) {
			i := newIncident(t, s)
			e, _, ctx := i.process(0)
			if err := i.apply(ctx, e); err != nil {
				t.Fatal(err)
			}
			leaked, own := "", ""
			i.drill.World.Do(func(a *awssim.Account) {
				u := a.IAM.Users[i.drill.Subject]
				leaked, own = u.Keys[0].ID, u.Keys[1].ID
				u.Keys = append(u.Keys[1:], awssim.UserKey{ID: owners, Active: true, Created: time.Now()})
			})
			if killAt > 0 {
				killed = i.releaseKilledAt(killAt)
			}
			if err := i.release(); err != nil {
				t.Fatalf("killed at %d: %v", killAt, err)
			}
			i.drill.World.Do(func(a *awssim.Account) {
				for _, k := range a.IAM.Users[i.drill.Subject].Keys {
					if !k.Active || k.ID != own && k.ID != owners {
						t.Errorf("killed at %d: key %s, active %t", killAt, k.ID, k.Active)
					}
				}
			})
			kase, err := casefile.OpenCase(t.Context(), i.store)
			if err != nil {
				t.Fatal(err)
			}
			p, err := kase.Progress(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			told := slices.ContainsFunc(p.Steps, func(st casefile.StepStatus) bool {
				return strings.Contains(st.Partly, "access key "+leaked+" is gone") && strings.Contains(st.Partly, "access key "+owners+" was made since, and stays Active")
			})
			if p.State != casefile.Released || !told {
				t.Errorf("killed at %d: the case is %s, and what differs is told: %t", killAt, p.State, told)
			}
		})
		if killAt > 0 && !killed || testing.Short() {
			return
		}
	}
}

// releaseKilledAt begins a release that dies at an event, and tells whether there was such an event.
func (i *incident) releaseKilledAt(at int) bool {
	i.drill.World.AllowDeletes(true)
	defer i.drill.World.AllowDeletes(false)
	e, p, ctx := i.process(at)
	plan, err := e.PlanRelease(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	data, _, err := Encode(plan)
	if err != nil {
		i.t.Fatal(err)
	}
	_ = e.Release(ctx, data, "flag") // it dies
	return p.events >= at
}

// The owner may delete the leaked key while whoever contains the user has died: what was there before is then there
// no more, whether the containment is finished or taken back.
func TestReleaseOfAKeyThatWentBeforeTheEnd(t *testing.T) {
	s := scenarios[slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "credentials-leaked-key" })]
	stride := 1
	if testing.Short() {
		stride = 9
	}
	for _, finished := range []bool{true, false} {
		for at, more := 1, true; more; at += stride {
			synctest.Test(t, func(t *testing.T) {
				i := newIncident(t, s)
				e, p, ctx := i.process(at)
				if err := i.apply(ctx, e); err == nil || !p.dead {
					more = false
					return
				}
				own := ""
				i.drill.World.Do(func(a *awssim.Account) {
					u := a.IAM.Users[i.drill.Subject]
					own, u.Keys = u.Keys[1].ID, u.Keys[1:]
				})
				if finished {
					if err := i.resume(); err != nil {
						t.Errorf("killed at %d: %v", at, err)
					}
				}
				if err := i.release(); err != nil && !strings.Contains(err.Error(), "no approved plan") {
					t.Fatalf("killed at %d, finished %t: %v", at, finished, err)
				}
				i.drill.World.Do(func(a *awssim.Account) {
					if keys := a.IAM.Users[i.drill.Subject].Keys; len(keys) != 1 || keys[0].ID != own || !keys[0].Active {
						t.Errorf("killed at %d, finished %t: keys %+v", at, finished, keys)
					}
				})
			})
		}
	}
}
