package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cordon/internal/trail"
)

// identities writes the chain as a tree: who came from whom. What only may be the intruder's stands apart.
func (v *scopeView) identities() {
	if len(v.d.Identities) == 0 {
		return
	}
	known := map[string]bool{}
	for i := range v.d.Identities {
		known[v.d.Identities[i].ID] = true
	}
	children := map[string][]*trail.ScopeIdentity{} // "": the roots
	var apart []*trail.ScopeIdentity
	for i := range v.d.Identities {
		n := &v.d.Identities[i]
		switch {
		case n.Relation == trail.SamePrincipal:
			apart = append(apart, n)
		case known[n.Parent]:
			children[n.Parent] = append(children[n.Parent], n)
		default:
			children[""] = append(children[""], n)
		}
	}
	t := &tree{view: v, children: children, drawn: map[string]bool{}}
	v.head("WHO THEY BECAME")
	for _, n := range children[""] {
		t.draw(n, "  ", "  ")
	}
	for i := range v.d.Identities { // whose parents lead in a circle hang from no root
		if n := &v.d.Identities[i]; n.Relation != trail.SamePrincipal {
			t.draw(n, "  ", "  ")
		}
	}
	v.more(len(t.drawn), shownNodes)
	if len(apart) == 0 {
		return
	}
	v.head("POSSIBLY THEIRS, counted apart: the same user or role with another credential")
	for _, n := range apart[:min(len(apart), shownLines)] {
		v.line("  ", "        ", whoIs(n)+"  "+whatDid(n))
	}
	v.more(len(apart), shownLines)
}

type tree struct {
	view     *scopeView
	children map[string][]*trail.ScopeIdentity
	drawn    map[string]bool // or left out, since there are too many
	depth    int
}

// deepest is how far the tree is indented; what hangs deeper is drawn at that depth.
const deepest = 12

func (t *tree) draw(n *trail.ScopeIdentity, first, rest string) {
	if t.drawn[n.ID] {
		return
	}
	t.drawn[n.ID] = true
	if len(t.drawn) > shownNodes {
		return
	}
	below := t.children[n.ID]
	bar := rest
	if len(below) > 0 && t.depth < deepest {
		bar += "│ "
	} else {
		bar += "  "
	}
	v := t.view
	v.line(first, bar+"    ", whoIs(n)+"  "+words("%s, %s (%s)", n.Relation, n.Confidence, n.Rule))
	v.line(bar+"  ", bar+"    ", whatDid(n)+v.life(n))
	if len(n.Addresses) > 0 {
		v.line(bar+"  ", bar+"    ", "from "+few(n.Addresses, 4))
	}
	t.depth++
	for i, c := range below {
		switch {
		case t.depth > deepest:
			t.draw(c, rest, rest)
		case i == len(below)-1:
			t.draw(c, rest+"└─ ", rest+"   ")
		default:
			t.draw(c, rest+"├─ ", rest+"│  ")
		}
	}
	t.depth--
}

// whoIs names an identity: its kind, key and ARN, else its id.
func whoIs(n *trail.ScopeIdentity) string {
	names := slices.DeleteFunc([]string{n.AccessKey, n.ARN}, func(s string) bool { return s == "" })
	if len(names) == 0 {
		names = []string{strings.TrimPrefix(n.ID, n.Kind+":")}
	}
	return words("%s %s", n.Kind, strings.Join(names, "  "))
}

func whatDid(n *trail.ScopeIdentity) string {
	if n.Events == 0 {
		return "never seen in use"
	}
	denied := ""
	if n.Denied > 0 {
		denied = fmt.Sprintf(", %d denied", n.Denied)
	}
	return words("%s%s  %s", eventCount(n.Events), denied, span(n.FirstSeen, n.LastSeen))
}

func eventCount(n int) string { return counted(n, "event", "events") }

// life says whether a credential can still be used. Of one that is over or unknown it says so only where the log does.
func (v *scopeView) life(n *trail.ScopeIdentity) string {
	switch {
	case n.RevokedAt != "":
		return words("  taken back %s", clock(n.RevokedAt))
	case n.Lives(v.now):
		return words("  LIVES %s", v.untilWhen(n))
	case n.LiveUntil != "":
		return words("  expired %s", clock(n.LiveUntil))
	}
	return ""
}

func (v *scopeView) untilWhen(n *trail.ScopeIdentity) string {
	end, err := time.Parse(time.RFC3339, n.LiveUntil)
	if err != nil {
		return n.LiveUntil
	}
	return fmt.Sprintf("until %s (%s more)", clock(n.LiveUntil), howLong(end.Sub(v.now)))
}

func howLong(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
	return strings.TrimSuffix(max(d.Round(time.Minute), time.Minute).String(), "0s")
}

// living lists what can still be used, and what lives although nobody saw it in use first: it is easily overlooked.
func (v *scopeView) living() {
	var all []*trail.ScopeIdentity
	for i := range v.d.Identities {
		if n := &v.d.Identities[i]; n.Relation != trail.SamePrincipal && n.Lives(v.now) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b *trail.ScopeIdentity) int { return cmp.Compare(min(a.Events, 1), min(b.Events, 1)) })
	v.head("WHAT LIVES ON, as far as the log shows")
	for _, n := range all[:min(len(all), shownLines)] {
		used := ""
		if n.Events == 0 {
			used = "  NEVER SEEN IN USE, ready for it"
		}
		v.line("  ", "        ", whoIs(n)+words("  %s", v.untilWhen(n))+used)
	}
	v.more(len(all), shownLines)
}

// resources writes what was reached, secrets first, each resource once under the gravest access; then what was tried.
func (v *scopeView) resources() {
	v.head("WHAT THEY REACHED")
	all := v.d.ByGravity()
	if len(all) == 0 || all[0].Outcome != "accessed" {
		v.item("nothing that the log shows by name. What is not logged is not shown: see what is unknown")
	}
	for len(all) > 0 {
		head, n := reachedHow(all[0]), 1
		for n < len(all) && reachedHow(all[n]) == head {
			n++
		}
		v.reached(head, all[:n])
		all = all[n:]
	}
}

func reachedHow(r *trail.ScopeResource) string {
	switch {
	case r.Outcome != "accessed":
		return "tried, and not reached"
	case r.Secret:
		return "secrets read, to be rotated"
	}
	switch r.Gravest() {
	case trail.Execute:
		return "run or acted as"
	case trail.Share:
		return "shared"
	case trail.Delete:
		return "deleted"
	case trail.Write:
		return "written"
	case trail.ReadData:
		return "data read"
	case trail.ReadConfig:
		return "configuration read"
	case trail.List:
		return "listed"
	}
	return "reached"
}

func (v *scopeView) reached(head string, list []*trail.ScopeResource) {
	v.line("  ", "  ", words("%s: %d", head, len(list)))
	for _, r := range list[:min(len(list), shownLines)] {
		var how []string
		for _, a := range r.Access {
			how = append(how, string(a))
		}
		unsure := ""
		if r.Confidence != trail.Certain {
			unsure = ", " + string(r.Confidence)
		}
		v.line("    ", "          ", words("%s  %s%s  %s  %s  %s%s", r.Type, r.ID, within(r.Account, r.Region), strings.Join(how, "+"), times(r.Events), span(r.FirstSeen, r.LastSeen), unsure))
	}
	if more := len(list) - shownLines; more > 0 {
		v.line("    ", "    ", words("… and %d more (see -o json or --out)", more))
	}
}
