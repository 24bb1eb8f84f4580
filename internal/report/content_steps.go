package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cordon/internal/casefile"
)

func (r Report) done() section {
	s := section{ID: "steps", Heading: "What was done, step by step"}
	if r.Plan == "" {
		s.say("No plan has been approved: cordon changed nothing.")
		return s
	}
	s.Facts = planFacts(r.Plan, r.Run)
	s.Tables = stepTables(r.Steps)
	s.table(actionTable(r.Steps), "The plan has no step.")
	return s
}

func (e EarlierPlan) section(i int) section {
	n := strconv.Itoa(i + 1)
	facts := append(planFacts(e.Plan, e.Run), fact{"This plan is", []text{plain(string(e.Standing))}})
	return section{ID: "earlier-" + n, Heading: "Earlier plan " + n, Facts: facts, Tables: stepTables(e.Steps)}
}

func planFacts(hash string, run int) []fact {
	return []fact{{"Plan", []text{exact(hash)}}, {"Run", []text{num(run)}}}
}

// stepTables gives one table a phase, in the order in which the phases stand in the plan. Where there are many, each
// phase has one of steps that are alike, and one of all, folded.
func stepTables(steps []Step) []table {
	var phases []casefile.Phase
	of := map[casefile.Phase][]Step{}
	for _, s := range steps {
		if of[s.Phase] == nil {
			phases = append(phases, s.Phase)
		}
		of[s.Phase] = append(of[s.Phase], s)
	}
	var tables []table
	for _, p := range phases {
		if len(of[p]) > manyRows {
			tables = append(tables, alikeTable(p, of[p]))
		}
		tables = append(tables, phaseTable(p, of[p]).fold())
	}
	return tables
}

func phaseTable(p casefile.Phase, steps []Step) table {
	t := table{
		Caption: show("Phase " + string(p)),
		Heads:   []string{"Step", "Action and target", "As planned", "State and proof", "Started and ended", "Before and after", "Error"},
	}
	for _, s := range steps {
		t.Rows = append(t.Rows, []text{
			num(s.N), plain(actionWords(s)), plain(planned(s.Change, s.Params)), plain(stateOf(s, at(s.Undone))), plain(between(s.Started, s.doneBy())),
			exact(change(s)), plain(s.Error),
		})
	}
	return t
}

// alikeTable puts steps together that do the same and came to the same end. What did not end well comes first.
func alikeTable(p casefile.Phase, steps []Step) table {
	t := table{
		Caption: show("Phase " + string(p) + ": steps that are alike, together"),
		Heads:   []string{"Steps", "How many", "Action and targets", "As planned", "State and proof", "Started and ended", "Error"},
	}
	groups := alike(steps, func(s Step) string {
		return strings.Join([]string{s.Action, string(s.Target.Kind), s.Change, stateOf(s, ""), s.Error, s.Irreversible}, "\x00")
	})
	slices.SortStableFunc(groups, func(a, b []Step) int { return order(a[0]) - order(b[0]) })
	for _, g := range groups {
		first := g[0]
		started, _ := ends(g, func(s Step) string { return s.Started })
		_, ended := ends(g, Step.doneBy)
		if slices.ContainsFunc(g, func(s Step) bool { return s.doneBy() == "" }) {
			ended = ""
		}
		undone := span(g, func(s Step) string { return s.Undone })
		t.Rows = append(t.Rows, []text{
			plain(numbers(first.N, g[len(g)-1].N)), plain(thousands(len(g))), plain(targets(g)), plain(plannedTogether(g)),
			plain(stateOf(first, undone)), plain(between(started, ended)), plain(first.Error),
		})
	}
	return t
}

// order puts what somebody has to look at before what is as it should be.
func order(s Step) int {
	if s.Proof == NotProved || s.Error != "" {
		return 0
	}
	return 1
}

// alike groups what has one key, in the order in which each group's first one comes.
func alike[T any](all []T, key func(T) string) [][]T {
	at := map[string]int{}
	var groups [][]T
	for _, x := range all {
		k := key(x)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// ends are the first and the last of some times. They are read rather than compared as texts, which end in as many
// digits as each needs.
func ends(steps []Step, of func(Step) string) (first, last string) {
	var from, to time.Time
	for _, s := range steps {
		t, err := time.Parse(time.RFC3339Nano, of(s))
		if err != nil {
			continue
		}
		if first == "" || t.Before(from) {
			first, from = of(s), t
		}
		if last == "" || t.After(to) {
			last, to = of(s), t
		}
	}
	return first, last
}

// span says when something happened that happened many times.
func span(steps []Step, of func(Step) string) string {
	first, last := ends(steps, of)
	if first == last {
		return at(first)
	}
	return "between " + utc(first) + " and " + utc(last)
}

func numbers(first, last int) string {
	if first == last {
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d to %d", first, last)
}

func targets(g []Step) string {
	if len(g) == 1 {
		return actionWords(g[0])
	}
	first, last := g[0].Target, g[len(g)-1].Target
	return fmt.Sprintf("%s: each %s from %s to %s", g[0].Action, first.Kind, first.ID, last.ID)
}

// plannedTogether has the choices that all of them were made with, and names those in which they differ.
func plannedTogether(g []Step) string {
	same, differ := maps.Clone(g[0].Params), map[string]bool{}
	for _, s := range g[1:] {
		for _, params := range []map[string]string{g[0].Params, s.Params} {
			for k := range params {
				if g[0].Params[k] != s.Params[k] {
					differ[k] = true
					delete(same, k)
				}
			}
		}
	}
	words := planned(g[0].Change, same)
	if len(differ) > 0 {
		words += "; each with its own " + strings.Join(slices.Sorted(maps.Keys(differ)), ", ")
	}
	return words
}

// planned is what was approved: the plan's line, and the choices that it was made with.
func planned(change string, params map[string]string) string {
	words := []string{}
	if change != "" {
		words = append(words, change)
	}
	for _, k := range slices.Sorted(maps.Keys(params)) {
		if v := params[k]; v != "" {
			words = append(words, k+": "+brief(strings.ReplaceAll(v, "\n", ", ")))
		}
	}
	return strings.Join(words, "; ")
}

func actionWords(s Step) string {
	w := fmt.Sprintf("%s: %s %s", s.Action, s.Target.Kind, s.On())
	if s.Target.Account != "" {
		w += ", in account " + s.Target.Account
	}
	if s.Target.Region != "" {
		w += ", " + s.Target.Region
	}
	if s.Irreversible != "" {
		w += "; cannot be undone: " + s.Irreversible
	}
	return w
}

// stateOf puts a step's state and proof into words. When says when a release put it back.
func stateOf(s Step, when string) string {
	w := string(s.State)
	switch {
	case s.undoOpen:
		w += ", a release began to put it back"
	case s.Released == LeftAsIs:
		w = LeftAsIs
	case s.Proof == ReadBack && s.State == casefile.Undone:
		w = "done, read back, then released"
	case s.Proof == ReadBack && !s.Sent:
		w += ", read back, was so already"
	case s.State == casefile.Todo:
	default:
		w += ", " + string(s.Proof)
	}
	if s.Undone != "" {
		w += " " + when + ": " + s.Released
	}
	if s.Partly != "" {
		w += "; only in part: " + s.Partly
	}
	return w
}

func between(started, ended string) string {
	switch {
	case started == "":
		return ""
	case ended == "":
		return utc(started) + ", not ended"
	}
	return utc(started) + " to " + utc(ended)
}

// doneBy is when the step itself ended: what a release did with it later has a time of its own.
func (s Step) doneBy() string {
	if s.State == casefile.Undone && s.ProvedAt != "" {
		return s.ProvedAt
	}
	return s.Ended
}

func change(s Step) string {
	switch {
	case s.After != nil && s.Before != nil && s.Observed != nil:
		return state(s.Before) + " → " + state(s.After) + " → last read: " + state(s.Observed)
	case s.After != nil && s.Before != nil:
		return state(s.Before) + " → " + state(s.After)
	case s.After != nil:
		return "found: " + state(s.After)
	case s.Observed != nil && s.Before != nil:
		return state(s.Before) + " → last read: " + state(s.Observed)
	case s.Before != nil:
		return state(s.Before) + " → not read back"
	}
	return ""
}

func state(m json.RawMessage) string { return brief(string(m)) }

const briefLimit = 400

// brief cuts what would fill pages. The whole of it is in report.json and in the journal.
func brief(s string) string {
	if len(s) <= briefLimit {
		return s
	}
	cut := s[:briefLimit]
	for len(cut) > 0 && !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return fmt.Sprintf("%s… (%d bytes, whole in report.json)", cut, len(s))
}

// actionTable says once what each action does, in the plan's words.
func actionTable(steps []Step) table {
	t := table{Caption: "What these actions do", Heads: []string{"Action", "What it does", "To know"}}
	for _, g := range alike(steps, func(s Step) string { return s.Action }) {
		s, know := g[0], []string{}
		for _, k := range [][2]string{{"cannot be undone: ", s.Irreversible}, {"comes back in part: ", s.partly}, {"needs two persons: ", s.AccountWide}} {
			if k[1] != "" {
				know = append(know, k[0]+k[1])
			}
		}
		t.Rows = append(t.Rows, []text{plain(s.Action), plain(s.Summary), plain(strings.Join(know, "; "))})
	}
	return t
}
