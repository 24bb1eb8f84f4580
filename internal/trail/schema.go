package trail

import _ "embed"

//go:embed scope.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of a Document. It is not to be changed.
func Schema() []byte { return schema }
