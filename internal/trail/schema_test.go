package trail

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("scope.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scope.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate gives what the schema finds wrong with v as it is written.
func validate(t *testing.T, s *jsonschema.Schema, v any) error {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	in, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(in)
}

// stratusDocuments answers each detonation's question.
func stratusDocuments(t *testing.T) map[string]*Document {
	t.Helper()
	f, err := os.Open(filepath.Join(data, "stratus/labels.csv"))
	if err != nil {
		t.Skip("skipped: the detonation logs are not on this machine")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]*Document{}
	for _, r := range rows[1:] {
		var q Question
		for s := range strings.SplitSeq(r[2], ";") {
			kind := "access-key"
			if strings.HasPrefix(s, "arn:") {
				kind = "user"
			}
			q.Seeds = append(q.Seeds, Seed{Kind: kind, Value: s})
		}
		d, err := Find(context.Background(), corpusOf(t, shared(t, "stratus/"+r[0])...), q)
		if err != nil {
			t.Fatal(r[0], err)
		}
		docs[r[0]] = d
	}
	return docs
}

func TestSchemaHoldsForRealLogs(t *testing.T) {
	s := compiledSchema(t)
	for name, d := range stratusDocuments(t) {
		if err := validate(t, s, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaHoldsForEveryMember(t *testing.T) {
	s := compiledSchema(t)
	if err := validate(t, s, fullDocument()); err != nil {
		t.Error(err)
	}
	if err := validate(t, s, emptyDocument()); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*Document){
		"a relation":         func(d *Document) { d.Events[0].Relation = "friend" },
		"a confidence":       func(d *Document) { d.Identities[0].Confidence = "" },
		"an outcome":         func(d *Document) { d.Resources[0].Outcome = "success" },
		"a time":             func(d *Document) { d.Events[0].Time = "yesterday" },
		"a list that is nil": func(d *Document) { d.Contain = nil },
		"an access":          func(d *Document) { d.Resources[0].Access[0] = "look" },
		"a further outcome":  func(d *Document) { d.Summary.Outcomes["partial"] = 1 },
		"an ATT&CK id":       func(d *Document) { d.Techniques[0].AttackID = "T1" },
	} {
		d := fullDocument()
		spoil(d)
		if validate(t, s, d) == nil {
			t.Errorf("the schema admits %s that there is not", what)
		}
	}
}

// schemaNode is what the tests and the page of the schema need of it.
type schemaNode struct {
	Ref         string                `json:"$ref"`
	Description string                `json:"description"`
	Type        string                `json:"type"`
	Enum        []string              `json:"enum"`
	Properties  map[string]schemaNode `json:"properties"`
	Required    []string              `json:"required"`
	Items       *schemaNode           `json:"items"`
	Defs        map[string]schemaNode `json:"$defs"`
	Closed      *bool                 `json:"additionalProperties"`
}

// The schema and the Go types name the same members, and require the same.
func TestSchemaHasEveryMember(t *testing.T) {
	var root schemaNode
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	seen := 0
	var compare func(path string, n schemaNode, typ reflect.Type)
	compare = func(path string, n schemaNode, typ reflect.Type) {
		if n.Description == "" && !strings.HasSuffix(path, "[]") {
			t.Errorf("%s has no description", path)
		}
		if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
			n = root.Defs[name]
		}
		switch {
		case typ.Kind() == reflect.Slice:
			if n.Type != "array" || n.Items == nil {
				t.Errorf("%s is a list, and the schema says %s", path, n.Type)
				return
			}
			compare(path+"[]", *n.Items, typ.Elem())
		case typ.Kind() == reflect.Struct && typ != reflect.TypeFor[time.Time]():
			seen++
			members, required := taggedMembers(typ)
			if want := slices.Sorted(maps.Keys(n.Properties)); !slices.Equal(slices.Sorted(maps.Keys(members)), want) {
				t.Errorf("%s: the type has %v, the schema %v", path, slices.Sorted(maps.Keys(members)), want)
			}
			if slices.Sort(n.Required); !slices.Equal(n.Required, required) {
				t.Errorf("%s: always written are %v, the schema requires %v", path, required, n.Required)
			}
			if n.Closed == nil || *n.Closed {
				t.Errorf("%s admits members that nobody knows", path)
			}
			for name, field := range members {
				compare(path+"."+name, n.Properties[name], field)
			}
		}
	}
	compare("document", root, reflect.TypeFor[Document]())
	if seen < 10 {
		t.Errorf("%d objects were compared: the look is broken", seen)
	}
}

func taggedMembers(typ reflect.Type) (members map[string]reflect.Type, required []string) {
	members = map[string]reflect.Type{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		members[name] = f.Type
		if options == "" {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return members, required
}

// Of the enumerations, each names what the Go constants name.
func TestSchemaNamesEveryConstant(t *testing.T) {
	for _, list := range [][]any{
		{Success, Denied, Failed}, {List, ReadConfig, ReadData, Write, Delete, Share, Execute}, {Certain, Probable, Possible},
		{BySeed, Derived, ForwardAccess, CreatedIdentity, SamePrincipal, ByService},
	} {
		var names []string
		for _, v := range list {
			names = append(names, fmt.Sprint(v))
		}
		want, err := json.Marshal(names)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, Schema()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(compact.Bytes(), append([]byte(`"enum":`), want...)) {
			t.Errorf("no enumeration is %s", want)
		}
	}
}
