package casefile

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// A case is read and checked by code that knows nothing of AWS: s3.go alone may import the SDK, and nothing
// here the network.
func TestOnlyTheBucketStoreKnowsAWS(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d files, %v", len(files), err)
	}
	for _, file := range files {
		if file == "s3.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if strings.Contains(path, "/aws/") || path == "net" || strings.HasPrefix(path, "net/") || strings.HasPrefix(path, "cordon/") {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}
