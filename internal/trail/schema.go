package trail

import _ "embed"

//go:generate go test -count=1 -run=^TestScopePage$ . -update

//go:embed scope.schema.json
var schema string

// Schema is the JSON Schema (2020-12) of a Document.
func Schema() []byte { return []byte(schema) }
