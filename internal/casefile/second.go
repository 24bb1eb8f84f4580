package casefile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Countersignature is what a second person signs before anything that concerns a whole account is done: this plan, for
// this case and account, and nothing else. It is kept as a signed note (c2sp.org/signed-note) whose text is one line
// of JSON, and travels by whatever way the two have.
type Countersignature struct {
	For     string    `json:"countersigns"` // "plan"
	Plan    string    `json:"plan"`         // SHA-256 of the plan's bytes
	Kind    string    `json:"kind"`         // PlanContain or PlanRelease
	Case    string    `json:"case"`
	Account string    `json:"account"`
	Person  string    `json:"person"`
	Time    time.Time `json:"time"` // the second person's clock, UTC
	Key     string    `json:"key"`  // verifier key of the one signature
}

// maxCountersignature is more than any has: names and hashes alone.
const maxCountersignature = 4096

// Countersign signs a plan as the second person.
func (s *Signer) Countersign(c Countersignature) ([]byte, error) {
	c.For, c.Key, c.Time = "plan", s.VerifierKey(), entryTime(c.Time)
	line, err := marshalJSON(c)
	if err != nil {
		return nil, fmt.Errorf("write the countersignature: %w", err)
	}
	data, err := note.Sign(&note.Note{Text: string(line) + "\n"}, s.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the plan: %w", err)
	}
	if len(data) > maxCountersignature {
		return nil, errors.New("sign the plan: the person's name is too long")
	}
	return data, nil
}

// ReadCountersignature reads a countersignature and checks that it is signed by the key that it names, once and by no
// other.
func ReadCountersignature(data []byte) (Countersignature, error) {
	c, err := readCountersignature(data)
	if err != nil {
		return Countersignature{}, fmt.Errorf("read the countersignature: %w", err)
	}
	return c, nil
}

func readCountersignature(data []byte) (Countersignature, error) {
	var c Countersignature
	if len(data) > maxCountersignature {
		return c, fmt.Errorf("it has %d bytes, and none has more than %d", len(data), maxCountersignature)
	}
	text, _, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return c, errors.New("it is no signed note")
	}
	if err := unmarshalStrict(text, &c); err != nil {
		return c, err
	}
	again, err := marshalJSON(c)
	if err != nil || !bytes.Equal(again, text) {
		return c, errors.New("it is not in its canonical spelling")
	}
	if c.For != "plan" || !isHash(c.Plan) {
		return c, errors.New("it is about no plan")
	}
	verifier, err := parseVerifierKey(c.Key)
	if err != nil {
		return c, fmt.Errorf("its key: %w", err)
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return c, err
	}
	if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 || opened.Text != string(text)+"\n" {
		return c, errors.New("it has another signature beside its own")
	}
	return c, nil
}

// SameKey tells whether two verifier keys are one key: what stands before the key is a name that anybody can choose. What
// is no verifier key is like no other.
func SameKey(a, b string) bool {
	x, y := publicPart(a), publicPart(b)
	return x != nil && bytes.Equal(x, y)
}

// publicPart is the key itself. It is decoded rather than compared as text: its base64 may hold the + that also stands
// between a verifier key's parts.
func publicPart(verifier string) []byte {
	v, err := parseVerifierKey(verifier)
	if err != nil {
		return nil
	}
	_, encoded, _ := strings.Cut(strings.TrimPrefix(verifier, v.Name()+"+"), "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	return raw
}

// NeedsSecond says why a plan needs a second person's signature, "" where it does not: it concerns an account as a
// whole.
func NeedsSecond(p Plan) string {
	for _, s := range append([]Subject{p.Subject}, p.Subjects...) {
		if s.Kind == AWSAccount {
			return "it is about account " + s.ID + " as a whole"
		}
	}
	for _, s := range p.Steps {
		if s.AccountWide != "" {
			return fmt.Sprintf("step %d, %s: %s", s.N, s.Action, s.AccountWide)
		}
	}
	return ""
}

// CheckSecond says what is wrong with a plan's second signature: it must be of exactly this plan, by another key than
// the first's.
func CheckSecond(p Plan, hash string, second []byte, first string) (Countersignature, error) {
	c, err := ReadCountersignature(second)
	switch {
	case err != nil:
		return c, err
	case c.Plan != hash:
		return c, fmt.Errorf("the countersignature is of plan %s, not of %s", c.Plan, hash)
	case c.Kind != p.Kind, c.Case != p.Case, c.Account != p.Account:
		return c, fmt.Errorf("the countersignature is of a %s plan of case %s in account %s, and this is a %s plan of case %s in account %s",
			c.Kind, c.Case, c.Account, p.Kind, p.Case, p.Account)
	case publicPart(first) == nil:
		return c, errors.New("the first signature's key cannot be read")
	case SameKey(c.Key, first):
		return c, errors.New("both signatures are by one key: a second person signs with a key of their own")
	}
	return c, nil
}

// secondProblem checks an approval as it stands in the journal, by the plan that it approves.
func secondProblem(p Plan, body ApproveBody, first string) error {
	why := NeedsSecond(p)
	switch {
	case body.Second == "" && why == "":
		return nil
	case body.Second == "":
		return fmt.Errorf("approves plan %s without a second signature, and %s", body.Plan, why)
	}
	_, err := CheckSecond(p, body.Plan, []byte(body.Second), first)
	return err
}

// approval is an approve entry with the key that signed it.
type approval struct {
	seq  int
	body ApproveBody
	key  string
}

func approvalOf(e Entry, key string) (approval, error) {
	var b ApproveBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return approval{}, err
	}
	return approval{e.Seq, b, key}, nil
}
