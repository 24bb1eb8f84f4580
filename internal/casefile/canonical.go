package casefile

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// marshalJSON writes v as every JSON in a case is written: members in the order of their declaration, map keys
// sorted, no white space, strings escaped only where they must be. Bytes that are not UTF-8 become U+FFFD: an
// attacker who gets one into a name must not be able to keep an intent from being written. omitempty means
// what it means in encoding/json, for which the nouns are declared.
func marshalJSON(v any) ([]byte, error) {
	return json.Marshal(v,
		json.Deterministic(true),
		jsonv1.OmitEmptyWithLegacySemantics(true),
		jsontext.AllowInvalidUTF8(true))
}

// unmarshalStrict refuses duplicate names, names that differ in case, names that are not declared, invalid
// UTF-8 and anything after the value.
func unmarshalStrict(data []byte, v any) error {
	return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
}

// unmarshalKnown is unmarshalStrict but for names that are not declared: bodies may gain fields.
func unmarshalKnown(data []byte, v any) error {
	return json.Unmarshal(data, v)
}

// requireCanonical refuses JSON that marshalJSON would have spelt otherwise. Two spellings of one value would
// be two files for one record.
func requireCanonical(data []byte) error {
	again := jsontext.Value(bytes.Clone(data))
	if err := again.Format(); err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return errors.New("JSON is not in its canonical spelling")
	}
	return nil
}
