package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
)

// HashBytes is the SHA-256 of b in lower-case hexadecimal, as everything in a case is named.
func HashBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func isHash(s string) bool {
	if len(s) != hex.EncodedLen(sha256.Size) {
		return false
	}
	return strings.Trim(s, "0123456789abcdef") == ""
}

func evidenceName(sha string) string { return evidenceFolder + "/" + sha }

func planName(sha string) string { return planFolder + "/" + sha + ".json" }

// PutEvidence keeps bytes under their SHA-256. Keeping the same bytes twice is fine.
func (c *Case) PutEvidence(ctx context.Context, data []byte) (sha string, err error) {
	sha = HashBytes(data)
	if err := c.put(ctx, evidenceName(sha), data); err != nil {
		return "", fmt.Errorf("keeping evidence: %w", err)
	}
	return sha, nil
}

// PutPlan keeps a plan's bytes under their SHA-256. Bytes that are no plan are refused.
func (c *Case) PutPlan(ctx context.Context, data []byte) (sha string, err error) {
	if _, err := parsePlan(data); err != nil {
		return "", fmt.Errorf("keeping the plan: %w", err)
	}
	sha = HashBytes(data)
	if err := c.put(ctx, planName(sha), data); err != nil {
		return "", fmt.Errorf("keeping the plan: %w", err)
	}
	return sha, nil
}

// put compares the bytes of what exists already: a name is not taken as a proof of content.
func (c *Case) put(ctx context.Context, name string, data []byte) error {
	if len(data) > maxFile {
		return fmt.Errorf("%d bytes are more than one file of a case may have (%d)", len(data), maxFile)
	}
	err := createOurs(ctx, c.Store, name, data)
	if errors.Is(err, ErrExist) {
		return fmt.Errorf("%s holds other bytes than its name says: %w", name, ErrChain)
	}
	return err
}

// ReadEvidence returns the bytes with this SHA-256. Bytes with another one are ErrChain.
func (c *Case) ReadEvidence(ctx context.Context, sha string) ([]byte, error) {
	data, err := c.readHashed(ctx, sha, evidenceName(sha))
	if err != nil {
		return nil, fmt.Errorf("reading evidence: %w", err)
	}
	return data, nil
}

// ReadPlan returns the plan with this SHA-256, and its bytes.
func (c *Case) ReadPlan(ctx context.Context, sha string) (Plan, []byte, error) {
	data, err := c.readHashed(ctx, sha, planName(sha))
	if err != nil {
		return Plan{}, nil, fmt.Errorf("reading the plan: %w", err)
	}
	p, err := parsePlan(data)
	if err != nil {
		return Plan{}, nil, fmt.Errorf("reading the plan: %w", err)
	}
	return p, data, nil
}

// Plan returns the plan with this SHA-256. It is read once: a name that is the hash of the content cannot become
// stale. What it answers is shared: do not change it.
func (c *Case) Plan(ctx context.Context, sha string) (Plan, error) {
	c.mu.RLock()
	p, ok := c.plans[sha]
	c.mu.RUnlock()
	if ok {
		return p, nil
	}
	p, _, err := c.ReadPlan(ctx, sha)
	if err != nil {
		return p, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plans == nil {
		c.plans = map[string]Plan{}
	}
	c.plans[sha] = p
	return p, nil
}

func (c *Case) readHashed(ctx context.Context, sha, name string) ([]byte, error) {
	if !isHash(sha) {
		return nil, fmt.Errorf("%q is not a SHA-256", sha)
	}
	data, err := c.Store.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	if HashBytes(data) != sha {
		return nil, fmt.Errorf("%s holds other bytes than its name says: %w", name, ErrChain)
	}
	return data, nil
}

// readBody leaves the hashing to the chain, which says what is wrong in its own words.
func (c *Case) readBody(ctx context.Context, sha string) ([]byte, error) {
	return c.Store.Read(ctx, evidenceName(sha))
}

const planFormat = 1

// parsePlan reads a plan. Fields it does not know are refused: a step must not be carried out without them.
func parsePlan(data []byte) (Plan, error) {
	var p Plan
	if err := unmarshalStrict(data, &p); err != nil {
		return Plan{}, fmt.Errorf("not a plan: %w", err)
	}
	if p.Format != planFormat {
		return Plan{}, fmt.Errorf("the plan has format %d, and this cordon knows format %d", p.Format, planFormat)
	}
	return p, nil
}

// references are what an entry names elsewhere in the case.
type references struct {
	evidence []bodyRef // Size 0: not said
	plans    []string
}

// referencesOf reads the bodies that name evidence or plans. A kind nobody knows is refused: what it names
// could not be checked.
func referencesOf(e Entry) (references, error) {
	r := references{}
	if e.Plan != "" {
		r.plans = append(r.plans, e.Plan)
	}
	var err error
	switch e.Kind {
	case EntryFinding:
		err = body(e, func(b FindingBody) { r.addEvidence(b.SHA256, b.Size) })
	case EntryEvidence:
		err = body(e, func(b EvidenceBody) {
			for _, a := range b.Items {
				r.addEvidence(a.SHA256, a.Size)
			}
		})
	case EntryApprove:
		err = body(e, func(b ApproveBody) { r.addPlan(b.Plan) })
	case EntryUndo:
		err = body(e, func(b UndoBody) { r.addPlan(b.Release) })
	case EntryUndone:
		err = body(e, func(b UndoneBody) { r.addPlan(b.Release) })
	case EntrySession:
		err = body(e, func(SessionBody) {})
	case EntryIntent:
		err = body(e, func(IntentBody) {})
	case EntryDone:
		err = body(e, func(DoneBody) {})
	case EntryFailed:
		err = body(e, func(FailedBody) {})
	case EntrySkip:
		err = body(e, func(SkipBody) {})
	case EntryDrift:
		err = body(e, func(DriftBody) {})
	case EntryLoss:
		err = body(e, func(LossBody) {})
	default:
		return r, fmt.Errorf("entry of a kind that this cordon does not know: %q", string(e.Kind))
	}
	if err != nil {
		return r, fmt.Errorf("reading the body of a %s entry: %w", e.Kind, err)
	}
	return r, r.wellFormed()
}

func body[T any](e Entry, use func(T)) error {
	var b T
	if err := unmarshalKnown(e.Body, &b); err != nil {
		return err
	}
	use(b)
	return nil
}

func (r *references) addEvidence(sha string, size int64) {
	if sha != "" {
		r.evidence = append(r.evidence, bodyRef{SHA256: sha, Size: size})
	}
}

func (r *references) addPlan(sha string) {
	if sha != "" {
		r.plans = append(r.plans, sha)
	}
}

// wellFormed refuses what is no hash before it becomes part of a name.
func (r references) wellFormed() error {
	for _, e := range r.evidence {
		if !isHash(e.SHA256) {
			return fmt.Errorf("%q, named as evidence, is not a SHA-256", e.SHA256)
		}
	}
	for _, p := range r.plans {
		if !isHash(p) {
			return fmt.Errorf("%q, named as a plan, is not a SHA-256", p)
		}
	}
	return nil
}

// How many files are asked for at once, and how many are held: an answer of S3 takes some tens of
// milliseconds, and a case has hundreds of files.
const (
	readersAtOnce = 16
	readWindow    = 64
)

// readAll reads files side by side and hands them over in order. An error of reading is handed over too; an
// error that each answers ends it.
func readAll(ctx context.Context, s Store, names []string, each func(i int, data []byte, err error) error) error {
	for start := 0; start < len(names); start += readWindow {
		window := names[start:min(start+readWindow, len(names))]
		data := make([][]byte, len(window))
		errs := make([]error, len(window))
		var g errgroup.Group
		g.SetLimit(readersAtOnce)
		for i, name := range window {
			g.Go(func() error {
				data[i], errs[i] = s.Read(ctx, name)
				return nil
			})
		}
		_ = g.Wait() // the errors are in errs
		for i := range window {
			if err := each(start+i, data[i], errs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func readEntries(ctx context.Context, s Store, numbers []int, each func(seq int, file []byte, err error) error) error {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = entryName(n)
	}
	return readAll(ctx, s, names, func(i int, file []byte, err error) error { return each(numbers[i], file, err) })
}
