package deploy

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the generated pages")

const docsFolder = "../../docs"

// TestGeneratedDocs holds docs/ against the declarations; with -update it writes docs/.
func TestGeneratedDocs(t *testing.T) {
	pages, err := Docs()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		path := filepath.Join(docsFolder, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("docs/%s is not what the declarations say: run go generate ./internal/deploy", name)
		}
	}
}
