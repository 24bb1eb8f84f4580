package engine_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/playbook"
)

// accused is whom the findings of these tests name.
const accused = "198.51.100.23"

// incident is a case about the account's instance, worked on as the command line does it.
type incident struct {
	*account
	conn   *action.AWS
	engine *engine.Engine
	store  casefile.Store
	plan   casefile.Plan
	data   []byte
	built  map[string]int // calls of each operation before cordon made any
}

// respond plans for the instance and opens a case.
func (a *account) respond(o playbook.Options, addresses ...string) *incident {
	a.t.Helper()
	subject := casefile.Subject{Kind: casefile.EC2Instance, ID: a.instance, Region: motoRegion, Playbook: casefile.PlaybookEC2}
	return a.respondTo(playbook.EC2, subject, casefile.Incident{
		Finding: casefile.FindingRef{ID: "f-1", Type: "CryptoCurrency:EC2/BitcoinTool.B!DNS"}, Actor: casefile.Actor{Addresses: addresses},
	}, o)
}

// respondTo plans for a subject of the account and opens a case.
func (a *account) respondTo(book playbook.Playbook, subject casefile.Subject, finding casefile.Incident, o playbook.Options) *incident {
	a.t.Helper()
	r := &incident{account: a, conn: action.Connect(a.cfg), store: casefile.NewDir(filepath.Join(a.t.TempDir(), "case")), built: a.proxy.counts()}
	if a.bucket != "" {
		r.store = casefile.NewS3(action.CaseStore(r.conn), a.bucket, "cases/case-1")
	}
	if err := r.conn.Identify(a.ctx); err != nil {
		a.t.Fatal(err)
	}
	if a.management != nil {
		r.conn.Management = action.Connect(*a.management)
		if err := r.conn.Management.Identify(a.ctx); err != nil {
			a.t.Fatal(err)
		}
	}
	subject.Account = r.conn.Account
	finding.Subjects = []casefile.Subject{subject}
	in := playbook.Incident{Subject: subject, Finding: finding}
	if book.Resolve != nil {
		var err error
		if in.Subject, err = book.Resolve(action.Allow(a.ctx, book.Reads, nil, nil), r.conn, in); err != nil {
			a.t.Fatalf("resolve: %v", err)
		}
	}
	base := casefile.Plan{Format: 1, Kind: casefile.PlanContain, Case: "case-1", Account: r.conn.Account, Region: motoRegion, Partition: r.conn.Partition, Subject: in.Subject, Finding: &finding, FindingRaw: "{}"}
	var err error
	if r.plan, err = engine.Plan(a.ctx, r.conn, base, book, in, o); err != nil {
		a.t.Fatalf("plan: %v", err)
	}
	if r.data, _, err = engine.Encode(r.plan); err != nil {
		a.t.Fatal(err)
	}
	r.open()
	return r
}

// open makes the case and whoever works on it.
func (r *incident) open() {
	r.t.Helper()
	signer := must(casefile.NewSigner("cordon-test", rand.Reader))(r.account)
	meta := casefile.Meta{Format: 1, ID: "case-1", Created: time.Now().UTC(), Version: "test", Key: signer.VerifierKey()}
	if err := casefile.CreateCase(r.ctx, r.store, meta); err != nil {
		r.t.Fatal(err)
	}
	r.engine = &engine.Engine{
		AWS: r.conn, Case: must(casefile.OpenCase(r.ctx, r.store))(r.account), Signer: signer, Person: "ann", Wait: true,
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test"},
		Notify: func(e engine.Event) {
			if e.State != casefile.Waiting {
				r.t.Logf("%s %s %s %s", e.State, e.Step.Action, e.Step.Target.ID, e.Note)
			}
		},
	}
}

// countersign signs as the second person, where one is needed.
func (r *incident) countersign(plan casefile.Plan, data []byte) {
	r.t.Helper()
	r.engine.Second = nil
	if casefile.NeedsSecond(plan) == "" {
		return
	}
	signer := must(casefile.NewSigner("second", rand.Reader))(r.account)
	r.engine.Second = must(signer.Countersign(casefile.Countersignature{
		Plan: casefile.HashBytes(data), Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: "bob", Time: time.Now(),
	}))(r.account)
}

func (r *incident) apply() {
	r.t.Helper()
	if err := r.tryApply(); err != nil {
		r.t.Fatalf("apply: %v%s", err, r.losses())
	}
}

// tryApply carries the plan out, which has no doubts where everything can be read.
func (r *incident) tryApply() error {
	r.t.Helper()
	for _, w := range r.plan.Warnings {
		if strings.Contains(w, "could not look") {
			r.t.Errorf("the plan has a doubt: %s", w)
		}
	}
	for _, s := range r.plan.Steps {
		for _, line := range s.Impact {
			if strings.Contains(line, "could not be read") {
				r.t.Errorf("step %d, %s: %s", s.N, s.Action, line)
			}
		}
		if s.Irreversible != "" {
			r.engine.Irreversible = append(r.engine.Irreversible, s.N)
		}
	}
	r.countersign(r.plan, r.data)
	return r.engine.Apply(r.ctx, r.data, "flag")
}

func (r *incident) losses() string {
	p := must(r.engine.Case.Progress(context.WithoutCancel(r.ctx)))(r.account)
	var lines strings.Builder
	for _, l := range p.Loss {
		lines.WriteString("\nlost: " + l.Name + " (" + l.Source + "): " + l.Reason)
	}
	return lines.String()
}

func (r *incident) release() {
	r.t.Helper()
	plan, err := r.engine.PlanRelease(r.ctx)
	if err != nil {
		r.t.Fatalf("plan the release: %v", err)
	}
	data, _, err := engine.Encode(plan)
	if err != nil {
		r.t.Fatal(err)
	}
	r.countersign(plan, data)
	if err := r.engine.Release(r.ctx, data, "flag"); err != nil {
		r.t.Fatalf("release: %v", err)
	}
	if p := must(r.engine.Case.Progress(r.ctx))(r.account); p.State != casefile.Released {
		r.t.Errorf("the case is %s after the release", p.State)
	}
	if v := casefile.Verify(r.ctx, r.store, casefile.VerifyOptions{}); !v.OK {
		r.t.Errorf("the case does not verify: %s %v", v.Summary, v.Problems)
	}
}

// same compares the account with how it was.
func (a *account) same(before state) {
	a.t.Helper()
	if now := a.look(); !reflect.DeepEqual(before, now) {
		a.t.Errorf("the account is not as before:\nbefore %s\nnow %s", before, now)
	}
}

// TestOverHTTP answers an incident in an account that is not cordon's own simulation, over the wire.
func TestOverHTTP(t *testing.T) {
	t.Parallel() // it waits for moto more than for the processor
	moto := startMoto(t)
	image := newAccount(t, moto).findImage()
	for _, c := range []struct {
		name string
		test func(*account)
	}{
		{"an instance with everything around it", furnished},
		{"an instance with nothing, the case in a bucket", bare},
		{"a stop, the whole role, standby and no lock", (*account).choices},
		{"a spot instance", (*account).spot},
		{"a stopped instance", (*account).stopped},
		{"443 left open to the VPC's endpoints", (*account).forensics},
		{"an account that drifts from the plan", (*account).drifts},
		{"an owner who meddles before the release", (*account).meddled},
		{"a terminated instance and an unknown one", (*account).gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAccount(t, moto)
			a.image = image
			c.test(a)
		})
	}
}

func furnished(a *account) {
	a.network()
	a.identity()
	a.instance = a.launch(a.profile)
	a.furnish()
	a.balance()
	a.scale()
	a.proxy.agents = []string{a.instance}
	a.proxy.sessions = []session{
		{"mallory-1", a.instance, "arn:aws:iam::123456789012:user/mallory", "Connected"},
		{"mallory-2", a.instance, "arn:aws:iam::123456789012:user/mallory", "Disconnected"},
		{"somebody", "i-0000000000000ffff", "arn:aws:iam::123456789012:user/bob", "Connected"},
	}
	before := a.look()
	if len(before.Interfaces) != 2 || len(before.Deleted) != 2 || len(before.Targets) != 1 || before.Member != "InService" || before.Address == "" || before.Shutdown != "terminate" || before.Profile != a.profileARN {
		a.t.Fatalf("the account was not built as meant: %s", before)
	}
	r := a.respond(playbook.Options{Tags: map[string]string{"ticket": "IR-7"}}, accused, "2001:db8:1::5", "10.20.1.1", "169.254.169.254")
	a.same(before)
	r.apply()
	after := a.look()
	r.isolated(before, after)
	r.outOfService(after)
	r.credentialsCut(before, after)
	r.kept(after)
	r.release()
	a.same(before)
	r.evidenceStays()
	r.sentRight()
}

// isolated: every interface has the quarantine group and no other, and that group has no rule.
func (r *incident) isolated(before, after state) {
	r.t.Helper()
	quarantine := ""
	for id := range after.Groups {
		if _, was := before.Groups[id]; !was {
			quarantine = id
		}
	}
	if quarantine == "" || len(after.Groups) != len(before.Groups)+1 {
		r.t.Fatalf("there is no one quarantine group: %v", slices.Sorted(maps.Keys(after.Groups)))
	}
	if rules := after.Groups[quarantine]; len(rules) != 0 {
		r.t.Errorf("the quarantine group has rules: %v", rules)
	}
	if len(after.Interfaces) != len(before.Interfaces) {
		r.t.Errorf("%d interfaces, were %d", len(after.Interfaces), len(before.Interfaces))
	}
	for id, groups := range after.Interfaces {
		if !slices.Equal(groups, []string{quarantine}) {
			r.t.Errorf("interface %s is in %v", id, groups)
		}
	}
	if after.Address != "" {
		r.t.Errorf("the Elastic IP is on %s", after.Address)
	}
	var added []string
	for _, e := range after.ACL {
		if !slices.Contains(before.ACL, e) {
			added = append(added, e)
		}
	}
	for _, address := range []string{accused + "/32", "2001:db8:1::5/128"} {
		for _, direction := range []string{"egress:true", "egress:false"} {
			if !slices.ContainsFunc(added, func(e string) bool { return strings.HasSuffix(e, direction+" deny -1 "+address) }) {
				r.t.Errorf("the network ACL does not deny %s %s: %v", address, direction, after.ACL)
			}
		}
	}
	if len(added) != 4 {
		r.t.Errorf("the network ACL has more denies than the finding's remote addresses: %v", added)
	}
}

// outOfService: out of the group and of both kinds of load balancer, with nobody's shell open.
func (r *incident) outOfService(after state) {
	r.t.Helper()
	if after.Targets != nil || after.Classic != nil {
		r.t.Errorf("still registered: %v %v", after.Targets, after.Classic)
	}
	if after.Member != "" || after.Suspended != nil {
		r.t.Errorf("in the Auto Scaling group as %q, suspended there: %v", after.Member, after.Suspended)
	}
	if n := len(r.fleet().Instances); n != 1 {
		r.t.Errorf("%d instances in the group, and not the replacement alone", n)
	}
	for _, s := range r.proxy.sessions {
		if want := s.target == r.instance; (s.status == "Terminated") != want {
			r.t.Errorf("session %s is %s", s.id, s.status)
		}
	}
}

// credentialsCut: the role's sessions of this instance are denied everything, and the profile is off.
func (r *incident) credentialsCut(before, after state) {
	r.t.Helper()
	if after.Profile != "" {
		r.t.Errorf("the profile %s is on", after.Profile)
	}
	if len(after.Policies) != len(before.Policies)+1 || after.Policies["own"] != before.Policies["own"] {
		r.t.Errorf("the role's policies are %v", after.Policies)
	}
	for name, document := range after.Policies {
		if before.Policies[name] == "" {
			r.denies(document)
		}
	}
}

func (r *incident) denies(document string) {
	r.t.Helper()
	var policy struct {
		Statement []struct {
			Effect, Action, Resource any
			Condition                map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(document), &policy); err != nil || len(policy.Statement) != 1 {
		r.t.Fatalf("the deny is no policy of one statement: %v\n%s", err, document)
	}
	s := policy.Statement[0]
	if s.Effect != "Deny" || s.Action != "*" || s.Resource != "*" || len(s.Condition) != 1 || !strings.Contains(document, ":"+r.instance) {
		r.t.Errorf("the deny is not of everything to this instance alone: %s", document)
	}
}

// kept: nothing goes with the instance, and a locked snapshot of every volume carries the case's tags.
func (r *incident) kept(after state) {
	r.t.Helper()
	if !after.Protected || after.Shutdown != "stop" || after.Running != "running" {
		r.t.Errorf("protected %t, shutdown behaviour %s, state %s", after.Protected, after.Shutdown, after.Running)
	}
	for volume, deleted := range after.Deleted {
		if deleted {
			r.t.Errorf("volume %s goes with the instance", volume)
		}
	}
	for _, want := range []string{"cordon:case=case-1", "ticket=IR-7", "Name=web-1"} {
		if !slices.Contains(after.Tags, want) {
			r.t.Errorf("the instance's tags lack %s: %v", want, after.Tags)
		}
	}
	r.evidenceStays()
}

func (r *incident) evidenceStays() {
	r.t.Helper()
	volumes := map[string]bool{}
	for _, s := range r.snapshots() {
		volumes[aws.ToString(s.VolumeId)] = true
		tags := map[string]string{}
		for _, t := range s.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		if tags["cordon:case"] != "case-1" || len(tags["cordon:op"]) != 32 {
			r.t.Errorf("snapshot %s has the tags %v", aws.ToString(s.SnapshotId), tags)
		}
		if l := r.proxy.locks[aws.ToString(s.SnapshotId)]; l != (lock{"governance", "30"}) {
			r.t.Errorf("snapshot %s is locked as %v", aws.ToString(s.SnapshotId), l)
		}
	}
	if len(volumes) != 2 || len(r.snapshots()) != 2 {
		r.t.Errorf("%d snapshots of %d volumes", len(r.snapshots()), len(volumes))
	}
}
