package report

import (
	"fmt"
	"strings"

	"cordon/internal/casefile"
)

// journal lists every entry, with one line of what it says.
func (b *builder) journal(r *Report) error {
	for _, e := range b.entries {
		what, err := gist(e)
		if err != nil {
			return err
		}
		r.Journal = append(r.Journal, Line{e.Seq, stamp(e.Time), e.By.ARN, e.By.Person, e.Kind, e.Plan, e.Step, what, e.File})
	}
	return nil
}

// gist puts an entry's body into a few words.
func gist(e casefile.Entry) (string, error) {
	switch e.Kind {
	case casefile.EntrySession:
		return words(e, func(x casefile.SessionBody) string {
			return fmt.Sprintf("cordon %s, binary %s, %s", x.Version, x.Binary, x.Command)
		})
	case casefile.EntryFinding:
		return words(e, func(x casefile.FindingBody) string {
			return fmt.Sprintf("finding %s, %d bytes, SHA-256 %s", x.Incident.Finding.ID, x.Size, x.SHA256)
		})
	case casefile.EntryApprove:
		return words(e, func(x casefile.ApproveBody) string {
			return fmt.Sprintf("%s plan approved, run %d, by %s", x.Kind, x.Run, x.How)
		})
	case casefile.EntryIntent:
		return words(e, func(x casefile.IntentBody) string {
			return fmt.Sprintf("about to %s on %s %s, op-id %s", x.Action, x.Target.Kind, x.Target.ID, x.OpID)
		})
	case casefile.EntryDone:
		return words(e, doneWords)
	case casefile.EntryFailed:
		return words(e, func(x casefile.FailedBody) string { return "given up: " + x.Error })
	case casefile.EntrySkip:
		return words(e, func(x casefile.SkipBody) string {
			if x.Left {
				return "left as it is, by decision: " + x.Reason
			}
			return "skipped: " + x.Reason
		})
	case casefile.EntryDrift:
		return words(e, func(x casefile.DriftBody) string { return "changed meanwhile: " + x.Reason })
	case casefile.EntryUndo:
		return words(e, func(x casefile.UndoBody) string { return "about to put back, release plan " + x.Release })
	case casefile.EntryUndone:
		return words(e, undoneWords)
	case casefile.EntryEvidence:
		return words(e, func(x casefile.EvidenceBody) string {
			var names []string
			for _, a := range x.Items {
				names = append(names, a.Name)
			}
			return fmt.Sprintf("%d acquired: %s", len(x.Items), strings.Join(names, ", "))
		})
	case casefile.EntryLoss:
		return words(e, func(x casefile.LossBody) string {
			var names []string
			for _, l := range x.Lost {
				names = append(names, l.Name)
			}
			return fmt.Sprintf("%d lost: %s", len(x.Lost), strings.Join(names, ", "))
		})
	}
	return "", fmt.Errorf("entry %d is of a kind that this report does not know: %q", e.Seq, e.Kind)
}

func words[T any](e casefile.Entry, say func(T) string) (string, error) {
	body, err := bodyOf[T](e)
	if err != nil {
		return "", err
	}
	return say(body), nil
}

func doneWords(x casefile.DoneBody) string {
	switch {
	case known(x.After) == nil:
		return "ended; nothing was read back"
	case !x.Sent:
		return "read back: it was so already, nothing was sent"
	}
	return "read back: the change is in effect"
}

func undoneWords(x casefile.UndoneBody) string {
	said := "nothing was sent"
	if x.Sent {
		said = "put back"
	}
	if known(x.Observed) != nil {
		said += ", read back"
	}
	if x.Partly != "" {
		said += "; only in part: " + x.Partly
	}
	return said
}
