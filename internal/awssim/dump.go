package awssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Dump is the whole account, canonical and JSON-able: one entry a resource,
// "ec2/eu-west-1/security-group/sg-0…", and none of what AWS makes up anew when
// the same thing is done again (fields marked json:"-"). Two accounts in the
// same state give deep-equal dumps.
//
// It walks the state by its struct tags: in Account and Region, and in the
// service states that they hold, a field tagged dump:"ec2/instance" is a map of
// resources by id, one tagged dump:"ec2/setting" is a single value.
func (w *World) Dump() map[string]any {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(w.options.Now())
	image := map[string]any{}
	dumpFields(image, "global", reflect.ValueOf(w.account).Elem())
	for name, region := range w.account.Regions {
		// A region comes into being when it is first called, which is no change.
		if region.OptIn != regionsOf(w.account.Partition)[name] {
			image["account/"+name+"/opt-in"] = region.OptIn
		}
		dumpFields(image, name, reflect.ValueOf(region).Elem())
	}
	return image
}

func dumpFields(image map[string]any, region string, state reflect.Value) {
	eachTagged(state, func(tag string, field reflect.Value) {
		service, kind, _ := strings.Cut(tag, "/")
		prefix := service + "/" + region + "/" + kind
		if field.Kind() != reflect.Map {
			if v := canonical(field.Interface()); v != nil && !field.IsZero() {
				image[prefix] = v
			}
			return
		}
		for id, resource := range field.Seq2() {
			image[prefix+"/"+id.String()] = canonical(resource.Interface())
		}
	})
}

// eachTagged visits the fields of a state struct that carry a dump tag, and
// those of the service states inside it.
func eachTagged(state reflect.Value, visit func(tag string, field reflect.Value)) {
	for i := range state.NumField() {
		f := state.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if tag := f.Tag.Get("dump"); tag != "" {
			visit(tag, state.Field(i))
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			eachTagged(state.Field(i), visit)
		}
	}
}

// canonical turns a resource into plain JSON values, without what is empty and
// with lists in one order: what EC2 and IAM call lists are sets.
func canonical(resource any) any {
	b, err := json.Marshal(resource)
	if err != nil {
		panic(fmt.Sprintf("awssim: state that cannot be written as JSON: %v", err))
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		panic(fmt.Sprintf("awssim: state that cannot be read back: %v", err))
	}
	return prune(v)
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if e = prune(e); e == nil {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		keys := map[string]any{}
		order := make([]string, len(v))
		for i, e := range v {
			e = prune(e)
			b, _ := json.Marshal(e) // came from JSON
			order[i] = string(b)
			keys[order[i]] = e
		}
		slices.Sort(order)
		for i, k := range order {
			v[i] = keys[k]
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

// Diff lists in words how two dumps differ, for a test's message.
func Diff(before, after map[string]any) []string {
	var diffs []string
	for _, k := range sortedKeys(before) {
		if _, ok := after[k]; !ok {
			diffs = append(diffs, "gone: "+k)
		}
	}
	for _, k := range sortedKeys(after) {
		b, ok := before[k]
		if !ok {
			diffs = append(diffs, "new: "+k)
			continue
		}
		was, _ := json.Marshal(b)
		is, _ := json.Marshal(after[k])
		if !bytes.Equal(was, is) {
			diffs = append(diffs, fmt.Sprintf("changed: %s\n  was %s\n  is  %s", k, was, is))
		}
	}
	return diffs
}

// noteKnown remembers every id in the state, so that the police can tell what
// never existed from what somebody took away.
func (w *World) noteKnown() {
	note := func(_ string, field reflect.Value) {
		if field.Kind() != reflect.Map {
			return
		}
		for id := range field.Seq() {
			w.everKnown[id.String()] = true
		}
	}
	eachTagged(reflect.ValueOf(w.account).Elem(), note)
	for _, region := range w.account.Regions {
		eachTagged(reflect.ValueOf(region).Elem(), note)
	}
}
