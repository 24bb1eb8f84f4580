package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/playbook"
)

// asked is a subject to be answered.
type asked struct {
	playbook.Incident
	reached bool // nobody named it: the log says that the intruder got to it
}

// answering is a plan as it grows, subject by subject.
type answering struct {
	where   place
	o       playbook.Options
	plan    casefile.Plan
	users   []string            // that have steps of their own
	planned map[subjectKey]bool // that have steps
	missed  []error             // why a subject has none
}

type subjectKey struct {
	kind casefile.Kind
	id   string
}

func keyOf(s casefile.Subject) subjectKey { return subjectKey{s.Kind, s.ID} }

// answer drafts the steps for each subject once: a finding names a user and the key that was used, and both are the
// user. One that cannot be planned for keeps no other from it. An account comes last, since the steps that it has for
// every user leave out those who have steps of their own.
func answer(ctx context.Context, where place, base casefile.Plan, all []asked, o playbook.Options) (casefile.Plan, error) {
	w := &answering{where: where, o: o, plan: base, planned: map[subjectKey]bool{}, users: slices.Clone(o.Answered)}
	subjects := w.resolve(ctx, all)
	order := slices.Clone(subjects)
	slices.SortStableFunc(order, func(a, b asked) int { return cmp.Compare(wide(a.Subject), wide(b.Subject)) })
	for _, in := range order {
		w.draft(ctx, in)
	}
	if err := ctx.Err(); err != nil {
		return base, err
	}
	for _, in := range subjects {
		if w.planned[keyOf(in.Subject)] {
			w.plan.Subjects = append(w.plan.Subjects, in.Subject)
		}
	}
	if w.plan.Subjects == nil {
		return base, w.nothing()
	}
	w.plan.Subject = w.plan.Subjects[0]
	w.plan.Survives, w.plan.NotCaptured, w.plan.Warnings = once(w.plan.Survives), once(w.plan.NotCaptured), once(w.plan.Warnings)
	return w.plan, w.partly()
}

// once drops what stands in a list already: three roles survive in the same way.
func once(lines []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(lines, func(l string) bool {
		twice := seen[l]
		seen[l] = true
		return twice
	})
}

func wide(s casefile.Subject) int {
	if s.Kind == casefile.AWSAccount {
		return 1
	}
	return 0
}

// nothing is the error of a plan without a subject.
func (w *answering) nothing() error {
	if w.missed == nil {
		return fmt.Errorf("%w: nothing that is named could be planned for; nothing was touched", errNoPlaybook)
	}
	return fmt.Errorf("nothing was planned and nothing touched: %w", errors.Join(w.missed...))
}

// partly says that something which was named is not in the plan. What is gone needs no plan.
func (w *answering) partly() error {
	n := 0
	for _, err := range w.missed {
		if !errors.Is(err, action.ErrGone) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s could not be planned for: see NOT PLANNED", engine.ErrPartly, counted(n, "thing that is compromised", "things that are compromised"))
}

func (w *answering) warn(format string, a ...any) {
	w.plan.Warnings = append(w.plan.Warnings, fmt.Sprintf(format, a...))
}

// miss keeps why a subject has no steps. The plan says it first of all.
func (w *answering) miss(s casefile.Subject, err error) {
	if errors.Is(err, action.ErrGone) {
		w.missed = append(w.missed, fmt.Errorf("%s %s of account %s %w", s.Kind, s.ID, w.where.Account, action.ErrGone))
		w.warn("%s %s does not exist, or not any more: nothing is planned for it", s.Kind, s.ID)
		return
	}
	w.missed = append(w.missed, err)
	w.plan.Warnings = slices.Insert(w.plan.Warnings, 0, fmt.Sprintf("NOT PLANNED for %s %s: %v", s.Kind, s.ID, err))
}

// resolve gives the subjects that the incident is about, each once, and lists what nothing here answers.
func (w *answering) resolve(ctx context.Context, all []asked) []asked {
	var subjects []asked
	var doubtful []func()
	for _, in := range all {
		if in.reached && named(all, in.Subject) {
			in.reached = false // it is one of those that were named
		}
		if !planned(in.Subject) || !w.where.has(in.Subject) || in.reached && !joins(in.Subject) {
			w.unanswered(in.Subject)
			continue
		}
		in.Subject.Account = cmp.Or(in.Subject.Account, w.where.Account)
		in.Subject.Region = cmp.Or(in.Subject.Region, w.where.Region)
		s, err := w.owner(ctx, in.Incident)
		if err != nil {
			doubtful = append(doubtful, func() { w.unknown(in.Subject, subjects, err) })
			continue
		}
		if in.reached && s.Kind == casefile.IAMUser && slices.Contains(w.o.Answered, s.ID) {
			continue // an earlier plan answers it
		}
		in.Subject = s
		at := slices.IndexFunc(subjects, func(x asked) bool { return keyOf(x.Subject) == keyOf(s) })
		if at < 0 {
			subjects = append(subjects, in)
			continue
		}
		subjects[at].Reached = joined(subjects[at].Reached, in.Reached)
	}
	for _, f := range doubtful {
		f()
	}
	return subjects
}

func named(all []asked, s casefile.Subject) bool {
	return slices.ContainsFunc(all, func(x asked) bool { return !x.reached && keyOf(x.Subject) == keyOf(s) })
}

// unknown deals with an id that nobody could say the owner of. Where the finding names it beside its user or role, that
// is answered; a temporary key has no more to it.
func (w *answering) unknown(s casefile.Subject, subjects []asked, err error) {
	beside := func(x asked) bool { return !x.reached && x.Subject.Playbook == s.Playbook }
	if temporary(s) && slices.ContainsFunc(subjects, beside) {
		w.warn("%s %s is taken for one of what is named with it, since AWS does not say whose it is; the log does (--lookup, --logs)", s.Kind, s.ID)
		return
	}
	w.miss(s, err)
}

// owner is the subject that an id belongs to.
func (w *answering) owner(ctx context.Context, in playbook.Incident) (casefile.Subject, error) {
	book, _ := playbook.For(in.Subject.Playbook)
	if book.Resolve == nil {
		return in.Subject, nil
	}
	return book.Resolve(action.Allow(ctx, book.Reads, nil, nil), w.where.In(in.Subject.Region), in)
}

// joined is all that is known of how a subject was reached.
func joined(a, b *playbook.Reached) *playbook.Reached {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	both := playbook.Reached{Session: cmp.Or(a.Session, b.Session), Via: cmp.Or(a.Via, b.Via), Why: cmp.Or(a.Why, b.Why)}
	both.Doors = slices.Concat(a.Doors, b.Doors)
	slices.Sort(both.Doors)
	both.Doors = slices.Compact(both.Doors)
	return &both
}

func (w *answering) unanswered(s casefile.Subject) {
	if !slices.ContainsFunc(w.plan.Unanswered, func(x casefile.Subject) bool { return keyOf(x) == keyOf(s) && x.Account == s.Account }) {
		w.plan.Unanswered = append(w.plan.Unanswered, s)
	}
}

// draft adds a subject's steps to the plan.
func (w *answering) draft(ctx context.Context, in asked) {
	if ctx.Err() != nil {
		return
	}
	s, o := in.Subject, w.o
	if in.reached {
		o = ofReached(o)
	}
	o.Answered = w.users
	book, ok := playbook.For(s.Playbook)
	if !ok {
		w.miss(s, fmt.Errorf("no playbook %q", s.Playbook))
		return
	}
	plan, err := engine.Plan(ctx, w.where.In(s.Region), w.plan, book, in.Incident, o)
	if err != nil {
		w.miss(s, err)
		return
	}
	w.plan = plan
	w.planned[keyOf(s)] = true
	if s.Kind == casefile.IAMUser {
		w.users = append(w.users, s.ID)
	}
	if in.Reached != nil && in.Reached.Via != "" {
		w.warn("%s %s was reached from %s: %s", s.Kind, s.ID, in.Reached.Via, in.Reached.Why)
	}
}

// ofReached are the choices for what nobody named: those that narrow the cut to one session, or are about one door or
// person, were made for what was named.
func ofReached(o playbook.Options) playbook.Options {
	o.SessionsOnly, o.OnlySession, o.SourceIdentity, o.SSOUser = false, "", "", ""
	o.CloseTo, o.CutProviders, o.DirectoryUsers = nil, nil, nil
	return o
}

// joins tells what the intruder reached and is planned for with the rest. Everything else stops more than an identity,
// or wants evidence first: it gets a plan of its own. A name alone, of which the log does not say the account, may be
// another's.
func joins(s casefile.Subject) bool {
	return s.Kind == casefile.AccessKey || s.Account != "" && (s.Kind == casefile.IAMUser || s.Kind == casefile.IAMRole)
}

func temporary(s casefile.Subject) bool {
	switch s.Kind {
	case casefile.AccessKey:
		return strings.HasPrefix(s.ID, "ASIA")
	case casefile.RoleSession, casefile.FederatedUser:
		return true
	}
	return false
}

// planned tells whether this version can plan for a subject.
func planned(s casefile.Subject) bool {
	book, ok := playbook.For(s.Playbook)
	return ok && slices.Contains(book.Kinds, s.Kind)
}
