package deploy

import (
	"fmt"
	"slices"
	"strings"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

//go:generate go test -count=1 -run=^TestGeneratedDocs$ . -update

const generated = "<!-- Generated from the declarations by `go generate ./internal/deploy`. Do not edit. -->\n\n"

// Docs renders the generated pages, by their names under docs/.
func Docs() (map[string]string, error) {
	pages := map[string]string{"actions.md": actionsPage(), "playbooks.md": playbooksPage()}
	for _, p := range playbook.All {
		for _, side := range sidesOf(p) {
			policy, err := PolicyText(p, PolicyOptions{Release: true, Side: side})
			if err != nil {
				return nil, err
			}
			pages[policyPage(p, side)] = policy
		}
	}
	policy, err := ScopePolicyText("aws", "")
	if err != nil {
		return nil, err
	}
	pages["policy-scope.json"] = policy
	return pages, nil
}

func sidesOf(p playbook.Playbook) []Side {
	return slices.DeleteFunc(slices.Clone(Sides), func(s Side) bool { return !HasSide(p, s) })
}

func policyPage(p playbook.Playbook, s Side) string {
	if s == Member {
		return "policy-" + p.Name + ".json"
	}
	return "policy-" + p.Name + "-" + string(s) + ".json"
}

// PlaybookText is what `cordon playbooks NAME` prints: each action that a plan may hold, by phase.
func PlaybookText(p playbook.Playbook) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   answers %s\n%s\n", p.Name, kinds(p), p.Summary)
	for _, phase := range casefile.Phases {
		actions := inPhase(p.Actions, phase)
		if len(actions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(string(phase)))
		for _, a := range actions {
			fmt.Fprintf(&b, "  %-26s %s\n", a.Name, a.Summary)
			for _, note := range notes(a) {
				fmt.Fprintf(&b, "  %-26s   %s\n", "", note)
			}
		}
	}
	return b.String()
}

func kinds(p playbook.Playbook) string {
	var names []string
	for _, k := range p.Kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

func inPhase(all []action.Action, phase casefile.Phase) []action.Action {
	return slices.DeleteFunc(slices.Clone(all), func(a action.Action) bool { return a.Phase != phase })
}

// notes is what to know about an action before approving it.
func notes(a action.Action) []string {
	lines := []string{"release: " + release(a)}
	if a.Partly != "" {
		lines = append(lines, "in part only: "+a.Partly)
	}
	if a.Irreversible != "" {
		lines = append(lines, "cannot be undone: "+a.Irreversible)
	}
	return lines
}

func release(a action.Action) string {
	switch {
	case a.Gathers():
		return "nothing to put back, it only reads"
	case a.Evidence:
		return "what it leaves is evidence, and is kept"
	case a.Undoable():
		return "put back"
	}
	return "nothing to put back"
}

func playbooksPage() string {
	var b strings.Builder
	b.WriteString("# Playbooks\n\n" + generated)
	b.WriteString("A plan holds those of the steps that the subject calls for. What must come before what stands in the plan.\n")
	for _, p := range playbook.All {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nAnswers: %s. The least policy for it%s\n\n", p.Name, cell(p.Summary), kinds(p), policyLinks(p))
		b.WriteString("| phase | action | what it does | release |\n|---|---|---|---|\n")
		for _, phase := range casefile.Phases {
			for _, a := range inPhase(p.Actions, phase) {
				fmt.Fprintf(&b, "| %s | [%s](actions.md#%s) | %s | %s |\n", phase, a.Name, a.Name, cell(a.Summary), release(a))
			}
		}
		fmt.Fprintf(&b, "\nRead while planning, beyond what the actions read: %s\n", code(p.Reads))
	}
	return b.String()
}

func policyLinks(p playbook.Playbook) string {
	var links []string
	for _, side := range sidesOf(p) {
		name, where := policyPage(p, side), ""
		if side != Member {
			where = ", in the " + string(side) + " account"
		}
		links = append(links, fmt.Sprintf("%s: [%s](%s)", where, name, name))
	}
	return strings.Join(links, "; and") + "."
}

func actionsPage() string {
	var b strings.Builder
	b.WriteString("# Actions\n\n" + generated)
	b.WriteString("What cordon can do in an account. Beyond it there are what a playbook reads while planning (see [playbooks](playbooks.md)), " +
		code(action.IdentityOps) + " to know who it is, and for a case on S3 " + code(action.CaseStoreReads.Plus(action.CaseStoreWrites)) +
		". The guard refuses any other operation before it is sent.\n")
	for _, a := range action.All {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", a.Name, a.Summary)
		fmt.Fprintf(&b, "- phase: %s; target: %s\n", a.Phase, a.Target)
		for _, note := range notes(a) {
			fmt.Fprintf(&b, "- %s\n", note)
		}
		for _, part := range []struct {
			what string
			ops  action.Ops
		}{{"reads", a.Reads}, {"changes", a.Writes}, {"reads to put back", a.UndoReads}, {"changes to put back", a.UndoWrites}} {
			if len(part.ops) > 0 {
				fmt.Fprintf(&b, "- %s: %s\n", part.what, code(part.ops))
			}
		}
	}
	return b.String()
}

func code(ops action.Ops) string {
	return "`" + strings.Join(ops.Plus().Strings(), "`, `") + "`"
}

// cell keeps text from ending a table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
