package casefile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// VerifyOptions are what is known from outside the case.
type VerifyOptions struct {
	Head string   // "SEQ:HASH" as cordon prints it, or the hash alone
	Keys []string // verifier keys; when given, every entry must be signed by one of them
}

// Verdict is the answer of Verify. OK is only true when everything could be looked at and is as it must be.
type Verdict struct {
	OK       bool      `json:"ok"`
	Anchored bool      `json:"anchored"` // a head from outside is in the journal: up to it nothing is missing
	Head     Head      `json:"head"`
	Entries  int       `json:"entries"`  // verified
	Evidence int       `json:"evidence"` // files of evidence that hold what their names say
	Keys     []KeyUse  `json:"keys"`
	Bad      *BadEntry `json:"bad,omitempty"` // the first place that does not verify
	Problems []string  `json:"problems"`
	Summary  string    `json:"summary"` // for people
}

// KeyUse is a key that signed entries. KMSKey is the ARN that the session claims for the KMS key that endorsed
// Key; the signature was verified with the public key in KMSPublic, which anybody may compare with
// kms:GetPublicKey.
type KeyUse struct {
	Key       string `json:"key"`
	Since     int    `json:"since"` // the entry that introduced it
	Entries   int    `json:"entries"`
	KMSKey    string `json:"kms_key,omitempty"`
	KMSPublic string `json:"kms_public,omitempty"`
}

// Verify checks a whole case with nothing but its store: chain, signatures and spelling of every entry, the
// bytes of all evidence and plans, and that nothing else lies beside them. It fails closed: what could not be
// looked at is a problem.
//
// Whoever can write to a case can cut entries off its end, and nothing in the folder shows it; nor does
// anything in it show that the whole was replaced. Only a head, and for the latter a key, from outside does.
func Verify(ctx context.Context, s Store, o VerifyOptions) Verdict {
	v := &verifier{
		ctx:      ctx,
		store:    s,
		o:        o,
		verdict:  Verdict{Keys: []KeyUse{}, Problems: []string{}},
		evidence: map[string]int64{},
		plans:    map[string]bool{},
	}
	if v.openCase() {
		v.journal()
		v.heads()
		v.files(evidenceFolder, v.evidenceFile)
		v.files(planFolder, v.planFile)
		v.named()
	}
	v.verdict.OK = len(v.verdict.Problems) == 0 && v.verdict.Bad == nil && v.verdict.Entries > 0
	v.verdict.Summary = v.summary()
	return v.verdict
}

type verifier struct {
	ctx     context.Context
	store   Store
	o       VerifyOptions
	verdict Verdict
	chain   chain
	names   []naming
	heads_  []string // hash of case.json, then of each entry's file

	evidence map[string]int64 // size of what is there and holds what its name says
	plans    map[string]bool
}

// naming is what one entry names elsewhere.
type naming struct {
	seq  int
	refs references
}
