package finding

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxWraps bounds JSON in JSON: SQS around SNS around EventBridge takes two texts.
const maxWraps = 4

// envelope is what stood around a finding.
type envelope struct {
	shape   []string // outermost first
	account string   // EventBridge's, which may be the administrator's rather than the finding's
	region  string
	wraps   int
	lists   int
}

func (e envelope) inside(shape string) envelope {
	e.shape = append(e.shape[:len(e.shape):len(e.shape)], shape)
	return e
}

// says puts what stood around a document before a complaint about it.
func (e envelope) says(err error) error {
	if len(e.shape) == 0 {
		return err
	}
	return fmt.Errorf("inside %s: %w", strings.Join(e.shape, ", "), err)
}

// record reads one element of Records or Messages.
func (r *reader) record(b []byte, p position) error { return r.message(b, p, envelope{}) }

func (r *reader) message(b []byte, p position, env envelope) error {
	n, err := parse(b)
	if err != nil {
		r.bad(p, env.says(err))
		return nil
	}
	switch {
	case n.object("sns"):
		return r.content(n.at("sns", "message"), p, env.inside("sns"))
	case n.at("body") != nil:
		return r.content(n.at("body"), p, env.inside("sqs"))
	}
	r.bad(p, env.says(errors.New("not a finding: a record without an SNS or SQS message")))
	return nil
}

// content reads what a message carries: text that is JSON again, or JSON as it is.
func (r *reader) content(n *node, p position, env envelope) error {
	p.fixed = true
	env.wraps++
	switch {
	case env.wraps > maxWraps:
		r.bad(p, env.says(fmt.Errorf("wrapped in more than %d messages", maxWraps)))
	case n != nil && n.kind == '"':
		text := []byte(strings.TrimSpace(n.text))
		if extentIn(text) != len(text) {
			r.bad(p, env.says(errors.New("the message is not one JSON value")))
			return nil
		}
		return r.within(text, p, env)
	case n != nil && n.kind == '{':
		return r.unwrap(n, p, env)
	default:
		r.bad(p, env.says(errors.New("the message is empty")))
	}
	return nil
}

// shape is one way an object may be meant.
type shape struct {
	name string
	is   func(*node) bool
	read func(*reader, *node, position, envelope) error
}

// shapes are the ways an object may be meant. A document must be exactly one of them: what two readers could
// take for two things is refused.
func shapes() []shape {
	return []shape{
		{"sns", isSNS, func(r *reader, n *node, p position, env envelope) error {
			return r.content(n.at("message"), p, env.inside("sns"))
		}},
		{"sns", func(n *node) bool { return n.object("sns") }, func(r *reader, n *node, p position, env envelope) error {
			return r.content(n.at("sns", "message"), p, env.inside("sns"))
		}},
		{"sqs", isSQS, func(r *reader, n *node, p position, env envelope) error {
			return r.content(n.at("body"), p, env.inside("sqs"))
		}},
		{"eventbridge", func(n *node) bool { return n.at("detail") != nil }, (*reader).event},
		{"asff", isASFF, func(r *reader, n *node, p position, env envelope) error {
			return r.emitFacts(fromASFF(n, env.inside("asff")), n, p)
		}},
		{"object-scan", isScan, func(r *reader, n *node, p position, env envelope) error {
			return r.emitFacts(fromScan(n, env.inside("object-scan")), n, p)
		}},
		{"guardduty", isGuardDuty, func(r *reader, n *node, p position, env envelope) error {
			if err := unflatten(n); err != nil {
				r.bad(p, env.says(err))
				return nil
			}
			return r.emitFacts(fromGuardDuty(n, env.inside("guardduty")), n, p)
		}},
		{"wrapped", func(n *node) bool { return n.object("event") || n.object("finding") }, func(r *reader, n *node, p position, env envelope) error {
			inner := n.at("event")
			if inner == nil {
				inner = n.at("finding")
			}
			return r.content(inner, p, env)
		}},
	}
}

func isSNS(n *node) bool {
	return n.at("message") != nil && (n.str("type") == "Notification" || n.at("topicArn") != nil)
}

func isSQS(n *node) bool {
	return n.at("body") != nil && (n.at("messageId") != nil || n.at("receiptHandle") != nil)
}

func isASFF(n *node) bool {
	return n.at("productArn") != nil || n.at("awsAccountId") != nil && n.at("resources") != nil
}

func isScan(n *node) bool { return n.object("s3ObjectDetails") && n.at("resource") == nil }

// isGuardDuty takes a finding, also a fragment of one, and the rows that Athena makes of them.
func isGuardDuty(n *node) bool {
	if isASFF(n) || isScan(n) {
		return false
	}
	if n.object("resource") || n.object("service") || strings.Contains(n.str("type"), ":") {
		return true
	}
	for name := range n.members {
		if strings.HasPrefix(name, "resource_") || strings.HasPrefix(name, "service_") {
			return true
		}
	}
	return false
}

func (r *reader) unwrap(n *node, p position, env envelope) error {
	var found shape
	for _, s := range shapes() {
		if !s.is(n) {
			continue
		}
		if found.is != nil {
			r.bad(p, env.says(fmt.Errorf("it can be understood as %s and as %s", found.name, s.name)))
			return nil
		}
		found = s
	}
	if found.is == nil {
		r.bad(p, env.says(errors.New("not a finding: none of the shapes that findings have")))
		return nil
	}
	return found.read(r, n, p, env)
}

// Detail types of EventBridge that carry findings, folded.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-integration-types.html
var findingEvents = map[string]bool{
	"":                                      true, // trimmed events
	"guardduty finding":                     true,
	"security hub findings - imported":      true,
	"security hub findings - custom action": true,
	"guardduty malware protection object scan result": true,
}

// event reads an EventBridge event.
func (r *reader) event(n *node, p position, env envelope) error {
	kind := n.str("detail-type")
	env.account, env.region = n.str("account"), n.str("region")
	env = env.inside("eventbridge")
	detail := n.at("detail")
	switch {
	case !findingEvents[fold(kind)] && strings.HasPrefix(n.str("source"), "aws."):
		r.bad(p, env.says(fmt.Errorf("not a finding: an event of type %q", kind)))
		return nil
	case detail.kind == '"':
		return r.content(detail, p, env)
	case detail.kind != '{':
		r.bad(p, env.says(errors.New("not a finding: the event's detail is no object")))
		return nil
	case len(detail.members) == 0:
		return r.emitFacts(fromGuardDuty(detail, env), n, p)
	case detail.at("findings") == nil:
		return r.unwrap(detail, p, env)
	}
	for _, f := range detail.list("findings") {
		if f.kind != '{' {
			r.bad(p, env.says(errors.New("not a finding: an element of the event's findings is no object")))
			continue
		}
		if err := r.unwrap(f, p, env); err != nil {
			return err
		}
	}
	return nil
}

// emitFacts routes a finding and hands it on.
func (r *reader) emitFacts(f *facts, n *node, p position) error {
	in := f.incident()
	in.Finding.File, in.Finding.Line, in.Finding.Offset = r.name, p.line, p.off
	return r.emit(in, append([]byte(nil), n.raw...))
}

// unflatten turns the columns that Athena makes of nested fields (resource_instancedetails_instanceid) back
// into nested fields.
func unflatten(n *node) error {
	for _, name := range slices.Sorted(maps.Keys(n.members)) {
		v := n.members[name]
		head, _, ok := strings.Cut(name, "_")
		if !ok || head != "resource" && head != "service" {
			continue
		}
		path := strings.Split(name, "_")
		if len(path) > maxNesting {
			return fmt.Errorf("nested deeper than %d levels: %q", maxNesting, name)
		}
		if err := n.put(path, v); err != nil {
			return err
		}
	}
	return nil
}
