package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// managedPolicyLimit is how many characters a managed policy may have, white space apart
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const managedPolicyLimit = 6144

// Document is an IAM policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement allows actions on resources.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition conditions `json:",omitempty"`
}

// PolicyOptions narrows or widens a policy. The zero value is a responder who contains and cannot put back, with
// the case on disk, in any account.
type PolicyOptions struct {
	Release    bool   // with the right to put back what containment changed
	CaseBucket string // "bucket" or "bucket/prefix", where the case is kept on S3
	CaseLock   bool   // the case's objects are written under Object Lock
	Partition  string // default aws
	Account    string // the account that the incident is in; default any
	Side       Side   // whose credentials it is for; default Member
}

// Policy is the least policy for one side of a playbook, in as many documents as IAM's limit makes of it; none where
// the playbook calls nothing on that side. What each part is for stands in the Sids. What recovers, which nothing undoes,
// and what only a release needs are in documents of their own, to be attached once each has been agreed on.
func Policy(p playbook.Playbook, o PolicyOptions) ([]Document, error) {
	if o.Partition == "" {
		o.Partition = "aws"
	}
	if o.Account == "" {
		o.Account = "*"
	}
	if o.Side == "" {
		o.Side = Member
	}
	if !HasSide(p, o.Side) {
		return nil, nil
	}
	p = onSide(p, o.Side)
	b := builder{o: o}
	err := b.contain(p)
	docs := split(b.statements)
	b.statements = nil
	err = errors.Join(err, b.phase(p, casefile.Recover))
	docs = append(docs, split(b.statements)...)
	if o.Release {
		b.statements = nil
		err = errors.Join(err, b.release(p))
		docs = append(docs, split(b.statements)...)
	}
	if err != nil {
		return nil, fmt.Errorf("make the IAM policy of playbook %s: %w", p.Name, err)
	}
	return docs, nil
}

// Actions lists every IAM action that a playbook needs on any side, release and the case store on S3 included.
func Actions(p playbook.Playbook) ([]string, error) {
	ops := reads(p, true).Plus(action.CaseStoreReads, action.CaseStoreWrites)
	for _, a := range p.Actions {
		ops = ops.Plus(a.Writes, a.UndoWrites)
	}
	names, err := iamActions(ops)
	if err != nil {
		return nil, fmt.Errorf("list the IAM actions of playbook %s: %w", p.Name, err)
	}
	names = append(names, retain)
	slices.Sort(names)
	return names, nil
}

func reads(p playbook.Playbook, release bool) action.Ops {
	ops := action.IdentityOps.Plus(p.Reads)
	for _, a := range p.Actions {
		ops = ops.Plus(a.Reads)
		if release {
			ops = ops.Plus(a.UndoReads)
		}
	}
	return ops
}

// builder gathers statements, in the order that they are read in.
type builder struct {
	o          PolicyOptions
	statements []Statement
	granted    []string // action and resources, so that a later part does not repeat an earlier one
}

func (b *builder) contain(p playbook.Playbook) error {
	if err := b.read("CordonRead", reads(p, false)); err != nil {
		return err
	}
	for _, phase := range casefile.Phases {
		if phase == casefile.Recover {
			continue
		}
		if err := b.phase(p, phase); err != nil {
			return err
		}
	}
	if b.o.Side == Member { // a case is written with the credentials that the run began with
		b.caseStore()
	}
	return nil
}

func (b *builder) release(p playbook.Playbook) error {
	already := reads(p, false)
	more := slices.DeleteFunc(reads(p, true), already.Has)
	if err := b.read("CordonReleaseRead", more); err != nil {
		return err
	}
	var all []change
	for _, a := range p.Actions {
		all = append(all, changes(a.Name, a.UndoWrites)...)
	}
	return b.part("Release", all)
}

// change is an operation that an action sends. Which things it touches can depend on whose it is.
type change struct {
	action string
	op     action.Op
}

func changes(name string, ops action.Ops) []change {
	var all []change
	for _, o := range ops {
		all = append(all, change{name, o})
	}
	return all
}

func (b *builder) phase(p playbook.Playbook, phase casefile.Phase) error {
	var all []change
	for _, a := range inPhase(p.Actions, phase) {
		all = append(all, changes(a.Name, a.Writes)...)
	}
	return b.part(title(string(phase)), all)
}

// read grants looking, which is not narrowed by resource: most of what reads lists, and lists take no resource. What
// opens a session is held to what it is opened for, though it only looks with it.
func (b *builder) read(sid string, ops action.Ops) error {
	var bounded action.Ops
	for _, o := range ops {
		own, err := ownAction(o)
		if err != nil {
			return err
		}
		if _, narrow := onResources[own]; narrow {
			bounded = append(bounded, o)
		}
	}
	names, err := iamActions(slices.DeleteFunc(slices.Clone(ops), bounded.Has))
	if err != nil {
		return err
	}
	if len(names) > 0 {
		b.statements = append(b.statements, Statement{Sid: sid, Effect: "Allow", Action: names, Resource: []string{"*"}})
	}
	return b.part(strings.TrimPrefix(sid, "Cordon"), changes("", bounded))
}

// part makes the statements of one part: the actions that share resources and conditions stand together.
func (b *builder) part(name string, all []change) error {
	slices.SortStableFunc(all, func(x, y change) int { return strings.Compare(x.op.String(), y.op.String()) })
	var part []Statement
	for _, c := range all {
		all, err := grants(c, b.o.Partition)
		if err != nil {
			return err
		}
		for _, g := range all {
			s := b.statement(g)
			key := text(s)
			if slices.Contains(b.granted, key) {
				continue
			}
			b.granted = append(b.granted, key)
			part = join(part, s)
		}
	}
	for i := range part {
		part[i].Sid = fmt.Sprintf("Cordon%s%d", name, i+1)
		slices.Sort(part[i].Action)
	}
	b.statements = append(b.statements, part...)
	return nil
}

func (b *builder) statement(g grant) Statement {
	s := Statement{Effect: "Allow", Action: []string{g.action}, Condition: g.only.in(b.o.Partition)}
	for _, r := range g.resources {
		s.Resource = append(s.Resource, "arn:"+b.o.Partition+":"+strings.ReplaceAll(r, "{account}", b.o.Account))
	}
	slices.Sort(s.Resource)
	return s
}

func join(part []Statement, s Statement) []Statement {
	for i, other := range part {
		if !slices.Equal(other.Resource, s.Resource) {
			continue
		}
		if text(other.Condition) == text(s.Condition) {
			part[i].Action = append(part[i].Action, s.Action...)
			return part
		}
		if slices.Equal(other.Action, s.Action) && createAction(other) != nil && createAction(s) != nil {
			values := slices.Sorted(slices.Values(append(slices.Clone(createAction(other)), createAction(s)...)))
			part[i].Condition = conditions{"StringEquals": {"ec2:CreateAction": values}}
			return part
		}
	}
	return append(part, s)
}

func createAction(s Statement) []string { return s.Condition["StringEquals"]["ec2:CreateAction"] }

// caseStore: s3:ListBucket is granted on the bucket and the others on its objects. Without it S3 answers 403
// rather than 404 for a missing key, and no journal could be read to its end.
func (b *builder) caseStore() {
	if b.o.CaseBucket == "" {
		return
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(b.o.CaseBucket, "/"), "/")
	bucketARN := "arn:" + b.o.Partition + ":s3:::" + bucket
	objects, list := bucketARN+"/*", conditions(nil)
	if prefix != "" {
		objects = bucketARN + "/" + prefix + "/*"
		list = conditions{"StringLike": {"s3:prefix": {prefix + "/*"}}}
	}
	actions := []string{"s3:GetObject", "s3:PutObject"}
	if b.o.CaseLock {
		actions = append(actions, retain)
	}
	b.statements = append(b.statements,
		Statement{Sid: "CordonCaseList", Effect: "Allow", Action: []string{"s3:ListBucket"}, Resource: []string{bucketARN}, Condition: list},
		Statement{Sid: "CordonCaseObjects", Effect: "Allow", Action: actions, Resource: []string{objects}})
}

// split fills documents in order. A statement that fits no document alone is divided by its actions; one action
// on the few resources that grants name always fits.
func split(statements []Statement) []Document {
	var docs []Document
	last := newDocument()
	for len(statements) > 0 {
		s := statements[0]
		grown := Document{Version: last.Version, Statement: append(slices.Clone(last.Statement), s)}
		switch half := len(s.Action) / 2; {
		case size(grown) <= managedPolicyLimit:
			last, statements = grown, statements[1:]
		case len(last.Statement) > 0:
			docs, last = append(docs, last), newDocument()
		case half == 0:
			docs, statements = append(docs, grown), statements[1:]
		default:
			first, second := s, s
			first.Action, second.Action = s.Action[:half], s.Action[half:]
			first.Sid, second.Sid = s.Sid+"a", s.Sid+"b"
			statements = append([]Statement{first, second}, statements[1:]...)
		}
	}
	if len(last.Statement) == 0 {
		return docs
	}
	return append(docs, last)
}

func newDocument() Document { return Document{Version: "2012-10-17"} }

// size counts as IAM does.
func size(d Document) int {
	return utf8.RuneCountInString(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text(d)))
}

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, and slices and maps of them, always marshal
	}
	return string(data)
}

// PolicyText is what `cordon policy` prints: the document, or an array of them where one is not enough.
func PolicyText(p playbook.Playbook, o PolicyOptions) (string, error) {
	docs, err := Policy(p, o)
	if err != nil {
		return "", err
	}
	if len(docs) == 0 {
		return "", fmt.Errorf("playbook %s calls nothing from the %s account", p.Name, o.Side)
	}
	var v any = docs
	if len(docs) == 1 {
		v = docs[0]
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the IAM policy of playbook %s: %w", p.Name, err)
	}
	return string(data) + "\n", nil
}

// sometimes are the actions that an operation needs in some accounts or settings only. They are no surplus where
// the operation is used, and not missing where they are not granted.
var sometimes = map[action.Op]string{
	{Service: "s3", Name: "PutObject"}:       retain,
	{Service: "ec2", Name: "StartInstances"}: grantKey,
}

// Compare holds what was called against what documents grant: unused is granted and needed by no call, missing is
// needed and not granted. Resources and conditions are not judged.
func Compare(calls []action.Op, docs []Document) (unused, missing []string, err error) {
	needed, err := iamActions(calls)
	if err != nil {
		return nil, nil, fmt.Errorf("compare calls with a policy: %w", err)
	}
	var granted, excused []string
	for _, d := range docs {
		for _, s := range d.Statement {
			granted = append(granted, s.Action...)
		}
	}
	for _, o := range calls {
		excused = append(excused, sometimes[o])
	}
	slices.Sort(granted)
	for _, g := range slices.Compact(granted) {
		if !slices.Contains(needed, g) && !slices.Contains(excused, g) {
			unused = append(unused, g)
		}
	}
	for _, n := range needed {
		if !slices.Contains(granted, n) && !slices.Contains(excused, n) {
			missing = append(missing, n)
		}
	}
	return unused, missing, nil
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
