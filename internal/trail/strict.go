package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// maxStrictDepth bounds the strict reader's recursion. The walker and the fast reader hand on nothing deeper than
// maxShapeDepth; an envelope's string may.
const maxStrictDepth = 2 * maxShapeDepth

var errDeep = fmt.Errorf("nested more than %d deep", maxStrictDepth)

// strictMap reads an object whole. A name that stands twice, bytes that are no UTF-8 and every other fault is an error;
// numbers stay as they are written.
func strictMap(raw []byte) (map[string]any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw))
	if d.PeekKind() != '{' {
		if err := checkStrict(raw); err != nil {
			return nil, err
		}
		return nil, errors.New("not an object")
	}
	v, err := strictValue(d, 0)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

func strictValue(d *jsontext.Decoder, depth int) (any, error) {
	if depth > maxStrictDepth {
		return nil, errDeep
	}
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '{':
		return strictObject(d, depth)
	case '[':
		return strictList(d, depth)
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	case 't', 'f':
		return t.Bool(), nil
	}
	return nil, nil
}

func strictObject(d *jsontext.Decoder, depth int) (any, error) {
	m := map[string]any{}
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name := t.String()
		if m[name], err = strictValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return m, err
}

func strictList(d *jsontext.Decoder, depth int) (any, error) {
	l := []any{}
	for k := d.PeekKind(); k != ']' && k != 0; k = d.PeekKind() {
		v, err := strictValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	_, err := d.ReadToken()
	return l, err
}
