package trail

import (
	"maps"
	"slices"
	"strings"
)

// hidden is what CloudTrail writes in place of what it keeps secret.
const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS"

// unknown says that the record does not tell all of what was asked for.
func (e *Event) unknown() bool { return e.Omitted || e.Hidden || e.Unread != "" }

// untold says that the record does not tell what is in its request or response: the record was unreadable, or that
// part was left out as too large or hidden as a whole.
func (e *Event) untold(part string) bool {
	m := e.Request
	if part == "response" {
		m = e.Response
	}
	return e.Unread != "" || (e.Omitted || e.Hidden) && (len(m) == 0 || text(m["omitted"]) == "true")
}

// root gives the part of the record that a path begins in. Query-protocol calls of EC2 wrap theirs once more, in
// DeleteFlowLogsRequest.
func (e *Event) root(name string) any {
	switch name {
	case "request":
		return unwrap(e.Request, e.Name+"Request")
	case "response":
		return unwrap(e.Response, e.Name+"Response")
	case "additional":
		return e.Additional
	case "service":
		return e.Service
	case "event":
		return map[string]any{"outcome": e.Outcome.String(), "code": e.Code, "message": e.Message, "type": e.Type, "arn": e.Identity.ARN,
			"user": e.Identity.UserName, "caller": e.Identity.Type, "service": e.Identity.InvokedBy, "account": e.Recipient, "region": e.Region}
	}
	return nil
}

func unwrap(m map[string]any, name string) map[string]any {
	if inner, ok := m[name].(map[string]any); ok {
		return inner
	}
	return m
}

// all gives the values at a path of the table, as text, at most maxTouches; what is hidden is none. A path without a
// root is a word that stands for itself.
func (e *Event) all(paths string) []string {
	if paths == "" {
		return nil
	}
	for path := range strings.SplitSeq(paths, "|") {
		root, rest, ok := strings.Cut(path, ".")
		if !ok {
			return []string{path}
		}
		var out []string
		collect(e.root(root), strings.Split(rest, "."), func(v any) {
			if s := text(v); s != "" && s != hidden && len(out) < maxTouches {
				out = append(out, s)
			}
		})
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// hides says that the record has something at a path of the table, and keeps it secret.
func (e *Event) hides(paths string) bool {
	found := false
	for path := range strings.SplitSeq(paths, "|") {
		root, rest, _ := strings.Cut(path, ".")
		collect(e.root(root), strings.Split(rest, "."), func(v any) { found = found || v == hidden })
	}
	return found
}

func (e *Event) str(path string) string {
	if all := e.all(path); len(all) > 0 {
		return all[0]
	}
	return ""
}

// value gives what is at a path, of whatever type; nil where there is nothing.
func (e *Event) value(paths string) any {
	for path := range strings.SplitSeq(paths, "|") {
		root, rest, _ := strings.Cut(path, ".")
		v := e.root(root)
		for name := range strings.SplitSeq(rest, ".") {
			m, _ := v.(map[string]any)
			v = memberOf(m, name)
		}
		if v != nil && v != hidden {
			return v
		}
	}
	return nil
}

// collect gives each what is at path below v: of a list its elements, of an object its names.
func collect(v any, path []string, each func(any)) {
	if len(path) == 0 {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				each(x)
			}
		case map[string]any:
			if c, ok := v["content"]; ok { // EC2's way of writing a scalar: {"content": "fl-…", "tag": 1}
				each(c)
				return
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				each(k)
			}
		default:
			each(v)
		}
		return
	}
	name, list := strings.CutSuffix(path[0], "[]")
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if name == "*" { // every member
		for _, k := range slices.Sorted(maps.Keys(m)) {
			collect(m[k], path[1:], each)
		}
		return
	}
	next := memberOf(m, name)
	if !list {
		collect(next, path[1:], each)
		return
	}
	for _, x := range listed(next) {
		collect(x, path[1:], each)
	}
}

// listed gives the elements of a list however it is written: an array, {"items": […]}, {"member": […]}, or the one
// element alone.
func listed(v any) []any {
	switch x := v.(type) {
	case []any:
		return x
	case map[string]any:
		for _, name := range []string{"items", "member"} {
			if inner, ok := x[name]; ok {
				return listed(inner)
			}
		}
		if len(x) == 0 {
			return nil
		}
	case nil:
		return nil
	}
	return []any{v}
}

// memberOf gives m[name], else the member whose name differs in case alone: dBInstanceIdentifier, dbInstanceIdentifier.
func memberOf(m map[string]any, name string) any {
	if v, ok := m[name]; ok {
		return v
	}
	var found string
	for k := range m {
		if strings.EqualFold(k, name) && (found == "" || k < found) {
			found = k
		}
	}
	return m[found]
}

// strs gives each all texts below v, in order of their names.
func strs(v any, each func(string)) {
	switch v := v.(type) {
	case string:
		each(v)
	case []any:
		for _, x := range v {
			strs(x, each)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			strs(v[k], each)
		}
	}
}

// holds says whether a condition of the table's when is so.
func (e *Event) holds(conditions string) bool {
	for c := range strings.SplitSeq(conditions, " & ") {
		if !e.holdsOne(c) {
			return false
		}
	}
	return true
}

func (e *Event) holdsOne(c string) bool {
	c, negated := strings.CutPrefix(c, "!")
	if part, _, _ := strings.Cut(c, "."); (part == "request" || part == "response") && e.untold(part) {
		return true
	}
	i := strings.IndexAny(c, "=~@")
	if i < 0 {
		return (e.value(c) != nil || len(e.all(c)) > 0) != negated
	}
	path, op, want := c[:i], c[i], strings.Split(strings.ToLower(c[i+1:]), ",")
	is := slices.ContainsFunc(e.all(path), func(v string) bool {
		v = strings.ToLower(v)
		switch op {
		case '=':
			return slices.Contains(want, v)
		case '~':
			return slices.ContainsFunc(want, func(w string) bool { return strings.Contains(v, w) })
		default:
			a := accountIn(v)
			return a != "" && a != e.Recipient
		}
	})
	return is != negated
}
