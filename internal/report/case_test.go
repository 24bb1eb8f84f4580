package report

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"cordon/internal/casefile"
)

// A story writes a small case into memory, with a clock and randomness that are always the same.
type story struct {
	t     testing.TB
	c     *casefile.Case
	w     *casefile.Writer
	plan  string
	clock time.Time
}

const testCase = "ec2-i-0abc1234-20261123"

func newStory(t testing.TB, id string, simulated bool) *story {
	t.Helper()
	ctx := context.Background()
	seed := bytes.Repeat([]byte{7}, 64)
	signer, err := casefile.NewSigner("cordon", bytes.NewReader(seed))
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t: t, clock: time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC)}
	m := casefile.Meta{ID: id, Created: s.clock, Version: "v1.2.3", Simulated: simulated, Key: signer.VerifierKey()}
	store := casefile.NewMem()
	if err := casefile.CreateCase(ctx, store, m); err != nil {
		t.Fatal(err)
	}
	if s.c, err = casefile.OpenCase(ctx, store); err != nil {
		t.Fatal(err)
	}
	s.w = &casefile.Writer{
		Signer: signer,
		By:     casefile.By{ARN: "arn:aws:sts::111122223333:assumed-role/responder/alice", Person: "alice", Nonce: "00ff"},
		Now:    func() time.Time { return s.clock },
	}
	s.write(casefile.EntrySession, 0, casefile.SessionBody{
		Version: "v1.2.3", Binary: casefile.HashBytes([]byte("cordon")), Command: "apply", Key: signer.VerifierKey(),
		Account: "111122223333", Simulated: simulated,
	})
	return s
}

// write appends an entry 250 ms after the one before.
func (s *story) write(kind casefile.EntryKind, step int, body any) {
	s.t.Helper()
	s.clock = s.clock.Add(250 * time.Millisecond)
	d := casefile.Draft{Kind: kind, Step: step, Body: body}
	if step > 0 {
		d.Plan = s.plan
	}
	if _, err := s.c.Append(context.Background(), s.w, d, nil); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) keep(data string) (sha string, size int64) {
	s.t.Helper()
	sha, err := s.c.PutEvidence(context.Background(), []byte(data))
	if err != nil {
		s.t.Fatal(err)
	}
	return sha, int64(len(data))
}

func (s *story) putPlan(p casefile.Plan) string {
	s.t.Helper()
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		s.t.Fatal(err)
	}
	hash, err := s.c.PutPlan(context.Background(), data)
	if err != nil {
		s.t.Fatal(err)
	}
	return hash
}

// approve keeps a plan and approves it; further steps are its own where it is to contain.
func (s *story) approve(p casefile.Plan, run int) string {
	s.t.Helper()
	hash := s.putPlan(p)
	if p.Kind == casefile.PlanContain {
		s.plan = hash
	}
	s.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: hash, Kind: p.Kind, Run: run, How: "terminal"})
	return hash
}

// second signs a plan that was kept as somebody of that name, with a key of their own.
func (s *story) second(p casefile.Plan, person string) string {
	s.t.Helper()
	signer, err := casefile.NewSigner("cordon", bytes.NewReader(bytes.Repeat([]byte{9}, 64)))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.signed(signer, p, person)
}

func (s *story) signed(signer *casefile.Signer, p casefile.Plan, person string) string {
	s.t.Helper()
	note, err := signer.Countersign(casefile.Countersignature{Plan: s.plan, Kind: p.Kind, Case: p.Case, Account: p.Account, Person: person, Time: s.clock})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(note)
}

func (s *story) intent(step int, t casefile.Target, action, before string) {
	s.t.Helper()
	s.write(casefile.EntryIntent, step, casefile.IntentBody{OpID: "0123456789abcdef", Run: 1, Action: action, Target: t, Before: json.RawMessage(before)})
}

func (s *story) done(step int, after string) {
	s.t.Helper()
	s.write(casefile.EntryDone, step, casefile.DoneBody{Run: 1, Sent: true, After: json.RawMessage(after), Calls: []casefile.Operation{
		{Service: "EC2", Operation: "ModifyNetworkInterfaceAttribute", Time: s.clock, RequestID: "req-" + string(rune('a'+step)), Attempts: 1},
	}})
}

func (s *story) report() Report {
	s.t.Helper()
	r, err := Build(context.Background(), s.c)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func target(kind casefile.Kind, id string) casefile.Target {
	return casefile.Target{Kind: kind, ID: id, Account: "111122223333", Region: "eu-west-1", Parent: "i-0abc1234"}
}

func testIncident() casefile.Incident {
	return casefile.Incident{
		Finding: casefile.FindingRef{
			ID: "f-1", Type: "CryptoCurrency:EC2/BitcoinTool.B", Title: "i-0abc1234 talks to pool.evil.example", Severity: 8,
			Account: "111122223333", Region: "eu-west-1", File: "finding.json", Sample: true,
		},
		Subjects:   []casefile.Subject{testSubject()},
		Actor:      casefile.Actor{Principal: "web-app", Session: "i-0abc1234", Addresses: []string{"203.0.113.9", "2001:db8::1"}, Countries: []string{"NL"}},
		Indicators: casefile.Indicators{Addresses: []string{"203.0.113.9"}, Domains: []string{"pool.evil.example"}, Ports: []int{3333}},
		Start:      "2026-11-23T02:00:00Z",
		End:        "2026-11-23T02:10:00Z",
		Notes:      []string{"sample finding"},
	}
}

func testSubject() casefile.Subject {
	return casefile.Subject{Kind: casefile.EC2Instance, ID: "i-0abc1234", Account: "111122223333", Region: "eu-west-1", Playbook: "ec2"}
}

func testPlan(simulated bool) casefile.Plan {
	step := func(n int, phase casefile.Phase, action string, t casefile.Target, before string) casefile.Step {
		s := casefile.Step{N: n, After: []int{}, Action: action, Phase: phase, Target: t, Summary: action, Impact: []string{}, Reads: []string{}, Writes: []string{}}
		if before != "" {
			s.Before = json.RawMessage(before)
		}
		return s
	}
	isolate := step(4, casefile.Contain, "ec2-isolate-interface", target(casefile.NetworkInterface, "eni-1"), `{"groups":["sg-web"]}`)
	isolate.Isolates = true
	isolate.Impact = []string{"nothing else uses eni-1"}
	deny := step(5, casefile.Contain, "ec2-deny-address", target(casefile.NetworkACL, "acl-7"), `{"entries":[]}`)
	deny.Impact = []string{"11 more instances, for 203.0.113.9 only"}
	incident := testIncident()
	return casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: testCase, Simulated: simulated, Account: "111122223333", Region: "eu-west-1", Partition: "aws",
		Subject: testSubject(), Finding: &incident, FindingRaw: `{"id":"f-1"}`,
		Steps: []casefile.Step{
			step(1, casefile.Preserve, "ec2-record-instance", target(casefile.EC2Instance, "i-0abc1234"), ""),
			step(2, casefile.Preserve, "ec2-protect-termination", target(casefile.EC2Instance, "i-0abc1234"), `{"protected":false}`),
			step(3, casefile.Preserve, "ec2-snapshot-volumes", target(casefile.EC2Instance, "i-0abc1234"), `{"snapshots":[]}`),
			isolate, deny,
		},
		Survives:    []string{"tracked flows to other addresses, for up to 5 days", "DNS to the VPC resolver"},
		NotCaptured: []string{"instance-store volume ephemeral0", "memory (not asked for)"},
		Warnings:    []string{"role web-app is shared with 6 other instances"},
	}
}

// tell writes a whole incident: everything done but for the last step, which fails; then the release.
func (s *story) tell() {
	s.t.Helper()
	sha, size := s.keep(`{"id":"f-1"}`)
	s.write(casefile.EntryFinding, 0, casefile.FindingBody{SHA256: sha, Size: size, Incident: testIncident()})
	s.approve(testPlan(s.c.Meta.Simulated), 1)
	instance, eni, acl := target(casefile.EC2Instance, "i-0abc1234"), target(casefile.NetworkInterface, "eni-1"), target(casefile.NetworkACL, "acl-7")

	sha, size = s.keep(`{"instance":"i-0abc1234"}`)
	s.write(casefile.EntryEvidence, 1, casefile.EvidenceBody{Run: 1, Items: []casefile.Artifact{
		{Name: "instance", Source: "ec2:DescribeInstances", Target: instance, SHA256: sha, Size: size},
	}})
	s.write(casefile.EntryLoss, 1, casefile.LossBody{Run: 1, Lost: []casefile.Loss{
		{Name: "console screenshot", Source: "ec2:GetConsoleScreenshot", Target: instance, Reason: "the instance type has none"},
	}})
	s.write(casefile.EntryDone, 1, casefile.DoneBody{Run: 1})
	s.write(casefile.EntryDone, 2, casefile.DoneBody{Run: 1, After: json.RawMessage(`{"protected":true}`)})
	s.intent(3, instance, "ec2-snapshot-volumes", `{"snapshots":[]}`)
	s.write(casefile.EntryEvidence, 3, casefile.EvidenceBody{Run: 1, Items: []casefile.Artifact{
		{Name: "snapshot of vol-1", Source: "ec2:CreateSnapshots", Target: instance, ID: "snap-1", State: "pending", Lock: "governance until 2027-01-01T00:00:00Z"},
	}})
	s.done(3, `{"snapshots":["snap-1"]}`)
	s.intent(4, eni, "ec2-isolate-interface", `{"groups":["sg-web"]}`)
	s.done(4, `{"groups":["sg-quarantine"]}`)
	s.intent(5, acl, "ec2-deny-address", `{"entries":[]}`)
	s.write(casefile.EntryFailed, 5, casefile.FailedBody{Run: 1, Error: "NetworkAclEntryLimitExceeded: the ACL is full", Observed: json.RawMessage(`{"entries":[]}`)})
}

func releasePlan(contain string) casefile.Plan {
	return casefile.Plan{
		Format: 1, Kind: casefile.PlanRelease, Case: testCase, Account: "111122223333", Region: "eu-west-1", Partition: "aws", Subject: testSubject(),
		Steps: []casefile.Step{}, Releases: contain, Survives: []string{}, NotCaptured: []string{}, Warnings: []string{"acl-7 will be left"},
	}
}
