package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits on one document. Findings are a few kilobytes; EventBridge, SNS and SQS stop at one megabyte.
const (
	maxNesting = 64      // levels of objects and arrays
	maxValues  = 200_000 // values in one document: bounds the memory a document made of empty objects can take
)

// node is one JSON value, read strictly. Members are kept under their folded names, so that one spelling
// finds `instanceId`, `InstanceId` and `instanceid`; parse refuses an object in which two names fold alike,
// so a lookup is never a choice.
type node struct {
	kind    jsontext.Kind // '{' '[' '"' '0' 't' 'f' 'n'
	text    string        // a string's value, a number's digits as written
	members map[string]*node
	items   []*node
	raw     []byte // an object's own bytes
}

// fold gives names that differ in case only the same spelling. Upper first: U+017F and U+212A are lower-case
// letters that only their upper case shows to be s and k.
func fold(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(name))
		}
	}
	return strings.ToLower(name)
}

// member looks a name up without an allocation: findings are read by some two hundred lookups each.
func (n *node) member(name string) *node {
	var buf [64]byte
	if len(name) > len(buf) {
		return n.members[fold(name)]
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c >= utf8.RuneSelf {
			return n.members[fold(name)]
		}
		buf[i] = c
	}
	return n.members[string(buf[:len(name)])]
}

// parse reads exactly one JSON value. It refuses what two readers could understand differently: duplicate
// names, names that differ in case only, invalid UTF-8, trailing bytes; and what only a hostile writer makes:
// nesting over maxNesting.
func parse(b []byte) (*node, error) {
	p := &parser{dec: jsontext.NewDecoder(bytes.NewBuffer(b)), src: b}
	n, err := p.value(false)
	if err != nil {
		return nil, plain(err)
	}
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("bytes follow the end of the JSON value, at byte %d", p.dec.InputOffset())
	}
	return n, nil
}

// plain says a decoder's complaint in the words and the offset of the document.
func plain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON ends early")
	}
	var syn *jsontext.SyntacticError
	if !errors.As(err, &syn) {
		return err
	}
	where := ""
	if syn.JSONPointer != "" {
		where = " in " + strconv.Quote(string(syn.JSONPointer))
	}
	return fmt.Errorf("%w%s, at byte %d of the document", syn.Err, where, syn.ByteOffset)
}

type parser struct {
	dec   *jsontext.Decoder
	src   []byte
	count int
}

// value reads the next value. freeNames is set for a map whose names are somebody's data.
func (p *parser) value(freeNames bool) (*node, error) {
	tok, err := p.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	if p.count++; p.count > maxValues {
		return nil, fmt.Errorf("more than %d values in one document", maxValues)
	}
	if p.dec.StackDepth() > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d levels, at byte %d of the document", maxNesting, p.dec.InputOffset())
	}
	n := &node{kind: tok.Kind()}
	switch n.kind {
	case '{':
		return n, p.object(n, freeNames)
	case '[':
		return n, p.array(n)
	case '"', '0':
		n.text = tok.String()
	}
	return n, nil
}

func (p *parser) object(n *node, freeNames bool) error {
	start := p.dec.InputOffset() - 1
	n.members = map[string]*node{}
	for p.dec.PeekKind() != '}' {
		tok, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		name := tok.String()
		key := fold(name)
		if _, dup := n.members[key]; dup && !freeNames {
			return fmt.Errorf("the name %q stands twice in one object, in different case, at byte %d of the document", name, p.dec.InputOffset())
		}
		v, err := p.value(isTagMap(key))
		if err != nil {
			return err
		}
		n.members[key] = v
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	n.raw = p.src[start:p.dec.InputOffset()]
	return nil
}

// isTagMap: tag names are case-sensitive and chosen by whoever may tag, an intruder included: a resource
// tagged "env" and "Env" must not make its finding unreadable. Nothing is ever looked up in such a map.
func isTagMap(key string) bool { return key == "tags" }

func (p *parser) array(n *node) error {
	for p.dec.PeekKind() != ']' {
		v, err := p.value(false)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, err := p.dec.ReadToken()
	return err
}

// at walks down by member names; nil where the path ends.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n == nil || n.kind != '{' {
			return nil
		}
		n = n.member(name)
	}
	return n
}

// str is the text at path: a string's value, or a number as written. Everything else is empty.
func (n *node) str(path ...string) string {
	v := n.at(path...)
	if v == nil {
		return ""
	}
	return v.text
}

// first is the first of several member names that holds text.
func (n *node) first(names ...string) string {
	for _, name := range names {
		if s := n.str(name); s != "" {
			return s
		}
	}
	return ""
}

// is reads a boolean, also one that was written as a string.
func (n *node) is(path ...string) bool {
	v := n.at(path...)
	return v != nil && (v.kind == 't' || v.kind == '"' && strings.EqualFold(v.text, "true"))
}

// object says whether there is an object with members at path.
func (n *node) object(path ...string) bool {
	v := n.at(path...)
	return v != nil && v.kind == '{' && len(v.members) > 0
}

// list is the elements at path. Flattened exports turn arrays into objects with the names 0, 1, 2…; a lone
// object where an array belongs counts as its one element.
func (n *node) list(path ...string) []*node {
	v := n.at(path...)
	switch {
	case v == nil:
		return nil
	case v.kind == '[':
		return v.items
	case v.kind != '{' || len(v.members) == 0:
		return nil
	case v.members["0"] == nil:
		return []*node{v}
	}
	var items []*node
	for i := 0; v.members[strconv.Itoa(i)] != nil; i++ {
		items = append(items, v.members[strconv.Itoa(i)])
	}
	return items
}

// walk calls f for each text below n, with the folded name it stands under.
func (n *node) walk(f func(name, text string)) { n.walkNamed("", f) }

func (n *node) walkNamed(name string, f func(name, text string)) {
	if n == nil {
		return
	}
	if n.text != "" {
		f(name, n.text)
	}
	for k, m := range n.members {
		m.walkNamed(k, f)
	}
	for _, m := range n.items {
		m.walkNamed(name, f)
	}
}

// put sets the value at path, making the objects on the way. It refuses to replace a value by another one:
// a document that says two things about one field says nothing.
func (n *node) put(path []string, v *node) error {
	for i, name := range path {
		key := fold(name)
		old := n.members[key]
		if i == len(path)-1 {
			if old != nil && (old.kind != v.kind || old.text != v.text || v.text == "") {
				return fmt.Errorf("two values for %q", strings.Join(path, "/"))
			}
			n.members[key] = v
			return nil
		}
		if old == nil {
			old = &node{kind: '{', members: map[string]*node{}, raw: n.raw}
			n.members[key] = old
		}
		if old.kind != '{' {
			return fmt.Errorf("two values for %q", strings.Join(path[:i+1], "/"))
		}
		n = old
	}
	return nil
}
