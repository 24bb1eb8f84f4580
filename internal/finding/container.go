package finding

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// isList: the names under which an object holds many documents: GetFindings and Security Hub's batches, the
// events of Lambda (SNS, SQS), and what ReceiveMessage prints.
func isList(name string) bool { return name == "findings" || name == "records" || name == "messages" }

// member is one name and value of an object that is not read whole.
type member struct {
	name       string
	start, end int // of the value; end is 0 where it was not found
}

// members lists the members of the object that b begins with, as far as they can be told apart.
func members(b []byte) []member {
	var found []member
	at := 1
	for {
		at = skipSpace(b, at)
		if at < len(b) && b[at] == ',' && len(found) > 0 {
			at = skipSpace(b, at+1)
		}
		if at >= len(b) || b[at] != '"' {
			return found
		}
		n := extentIn(b[at:])
		if n == 0 {
			return found
		}
		name, err := jsontext.AppendUnquote(nil, b[at:at+n])
		if err != nil {
			return found
		}
		at = skipSpace(b, at+n)
		if at >= len(b) || b[at] != ':' {
			return found
		}
		at = skipSpace(b, at+1)
		m := member{name: fold(string(name)), start: at}
		if at < len(b) {
			m.end = at + extentIn(b[at:])
		}
		found = append(found, m)
		if m.end <= m.start {
			return found
		}
		at = m.end
	}
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

// extentIn is the length of the value that b begins with; 0 where it does not end in b.
func extentIn(b []byte) int {
	var s scanner
	n, done, err := s.feed(b)
	if err != nil || !done && !s.atEOF() {
		return 0
	}
	return n
}

// holdsContainer says whether the object that b begins with, broken or too long, is a container whose
// elements can be read all the same.
func holdsContainer(b []byte) bool {
	for _, m := range members(b) {
		if isList(m.name) && m.start < len(b) && b[m.start] == '[' {
			return true
		}
	}
	return false
}

// container reads an object too long or too broken to be read whole: the elements of its list one by one.
func (r *reader) container() error {
	start := r.w.pos()
	r.w.discard(1)
	seen := map[string]bool{}
	fail := func(err error) error {
		r.bad(start, err)
		r.w.resync(0)
		return nil
	}
	for {
		c, ok := r.w.peek()
		switch {
		case !ok:
			if r.w.err == nil {
				r.bad(start, errors.New("the document is cut off"))
			}
			return nil
		case c == '}':
			r.w.discard(1)
			return nil
		case c == ',' && len(seen) > 0:
			r.w.discard(1)
			c, _ = r.w.peek()
		}
		if c != '"' {
			return fail(unexpected(c, "a name"))
		}
		n, err := r.extent()
		if err != nil {
			return fail(err)
		}
		name, err := jsontext.AppendUnquote(nil, r.w.buf[:n])
		if err != nil {
			return fail(err)
		}
		key := fold(string(name))
		if seen[key] || len(seen) > 1000 {
			return fail(fmt.Errorf("the name %q stands twice in one object, or it has too many", name))
		}
		seen[key] = true
		r.w.discard(n)
		if c, _ := r.w.peek(); c != ':' {
			return fail(unexpected(c, "a colon"))
		}
		r.w.discard(1)
		c, _ = r.w.peek()
		if isList(key) && c == '[' {
			handle := r.document
			if key != "findings" {
				handle = r.record
			}
			err = r.array(handle)
		} else if _, fault := r.extent(); fault != nil && fault != errTooLong {
			return fail(fault)
		} else {
			r.skip()
		}
		if err != nil {
			return err
		}
	}
}

// document reads one whole document: a container's elements each on its own, all else at once.
func (r *reader) document(b []byte, p position) error {
	return r.within(b, p, envelope{})
}

func (r *reader) within(b []byte, p position, env envelope) error {
	if len(b) == 0 || b[0] != '{' && b[0] != '[' {
		r.bad(p, env.says(errors.New("not a finding: neither an object nor an array")))
		return nil
	}
	if env.lists > maxLists {
		r.bad(p, fmt.Errorf("lists of documents nested deeper than %d levels", maxLists))
		return nil
	}
	if b[0] == '[' {
		env.lists++
		return r.each(b, p, func(e []byte, p position) error { return r.within(e, p, env) })
	}
	for _, m := range members(b) {
		if !isList(m.name) || m.end == 0 || b[m.start] != '[' {
			continue
		}
		if err := shell(b, m); err != nil {
			r.bad(p, env.says(err))
			return nil
		}
		env.lists++
		handle := func(e []byte, p position) error { return r.within(e, p, env) }
		if m.name != "findings" {
			handle = func(e []byte, p position) error { return r.message(e, p, env) }
		}
		return r.each(b[m.start:m.end], p.in(b, m.start), handle)
	}
	n, err := parse(b)
	if err != nil {
		r.bad(p, env.says(err))
		return nil
	}
	return r.unwrap(n, p, env)
}

// maxLists bounds lists of lists of documents.
const maxLists = 8

// shell reads what stands around a container's list, strictly: an object that is a finding as well as a
// list of findings, or that holds two lists, could be understood in two ways.
func shell(b []byte, list member) error {
	around := make([]byte, 0, len(b)-(list.end-list.start)+2)
	around = append(around, b[:list.start]...)
	around = append(around, "[]"...)
	around = append(around, b[list.end:]...)
	n, err := parse(around)
	if err != nil {
		return err
	}
	lists := 0
	for name := range n.members {
		if isList(name) {
			lists++
		}
	}
	if lists > 1 || n.at("detail") != nil || n.at("resource") != nil || n.at("resources") != nil {
		return errors.New("both a list of documents and a document of its own, or two lists: it can be understood in two ways")
	}
	return nil
}

// each hands on the elements of the whole array b.
func (r *reader) each(b []byte, p position, handle handler) error {
	from := 0 // where p stands; counting lines anew for each element would take quadratic time
	for at := 1; ; {
		at = skipSpace(b, at)
		if b[at] == ',' {
			at = skipSpace(b, at+1)
		}
		if b[at] == ']' {
			return nil
		}
		n := extentIn(b[at:])
		if n == 0 {
			return nil // cannot be: the array was scanned whole
		}
		p, from = p.in(b[from:], at-from), at
		if err := handle(b[at:at+n:at+n], p); err != nil {
			return err
		}
		at += n
	}
}
