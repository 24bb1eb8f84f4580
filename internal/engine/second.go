package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"cordon/internal/casefile"
)

// second refuses what concerns a whole account and was signed by one person alone. That a key is another person's is
// known from outside alone: by Approvers, or by whoever knows the key.
func (e *Engine) second(plan casefile.Plan, hash string) error {
	why := casefile.NeedsSecond(plan)
	if why == "" && len(e.Second) == 0 {
		return nil
	}
	if len(e.Second) == 0 {
		return fmt.Errorf("%w, because %s (plan %s)", ErrSecond, why, hash)
	}
	c, err := casefile.CheckSecond(plan, hash, e.Second, e.Signer.VerifierKey())
	if err != nil {
		return fmt.Errorf("%w: the second signature does not do: %w", ErrDecision, err)
	}
	known := func(key string) bool { return casefile.SameKey(key, c.Key) }
	if len(e.Approvers) > 0 && !slices.ContainsFunc(e.Approvers, known) {
		return fmt.Errorf("%w: the second signature is by %s with key %s, which is not among the approvers' keys", ErrDecision, c.Person, c.Key)
	}
	return nil
}

// signedAnew refuses a second signature that has approved the plan before: its signer agreed to one cut, and that one has
// been released or replaced since.
func (e *Engine) signedAnew(hash string) error {
	now, err := casefile.ReadCountersignature(e.Second)
	if err != nil {
		return nil // second says what is wrong with it
	}
	for _, entry := range e.Case.Entries() {
		var b casefile.ApproveBody
		if entry.Kind != casefile.EntryApprove || json.Unmarshal(entry.Body, &b) != nil || b.Plan != hash {
			continue
		}
		if was, err := casefile.ReadCountersignature([]byte(b.Second)); err == nil && was == now {
			return fmt.Errorf("%w anew: the signature of %s approved this plan on %s already, and what it approved is no longer in force",
				ErrSecond, now.Person, entry.Time.UTC().Format("2006-01-02 15:04 UTC"))
		}
	}
	return nil
}
