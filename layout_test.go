// Package cordon_test holds what is true of the repository as a whole.
package cordon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layout is the table of DESIGN.md: which package may import which of ours. A package that is not here may not
// be there.
var layout = map[string][]string{
	"cordon":                   nil, // this test alone
	"cordon/internal/casefile": nil,
	"cordon/internal/escape":   nil,
	"cordon/internal/trail":    {"escape"},
	"cordon/internal/awssim":   nil,
	"cordon/internal/finding":  {"casefile"},
	"cordon/internal/action":   {"casefile"},
	"cordon/internal/playbook": {"action", "casefile", "finding"},
	"cordon/internal/engine":   {"playbook", "action", "casefile", "finding", "trail"},
	"cordon/internal/report":   {"casefile", "escape", "finding", "trail"},
	"cordon/internal/deploy":   {"playbook", "action", "casefile"},
	"cordon/internal/drill":    {"awssim", "finding", "casefile"},
	"cordon/cmd/cordon":        {"playbook", "action", "casefile", "escape", "finding", "trail", "engine", "report", "deploy", "awssim", "drill"},
}

// besides are the packages outside the table, each with its reason.
var besides = map[string]string{}

// pure packages touch neither the SDK nor the network nor the clock, so that a case can be read and checked by
// code that cannot reach anything. The S3 store of a case is the one file set apart.
var (
	pure      = []string{"casefile", "escape", "finding", "trail", "report"}
	setApart  = []string{"casefile/s3.go"}
	notPure   = []string{"github.com/aws/", "net", "os/exec"}
	harmless  = []string{"net/netip", "net/url"} // they parse, and reach nothing
	clock     = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}
	mayUseSim = []string{"cordon/internal/drill", "cordon/cmd/cordon", "cordon/internal/awssim"}
)

type pkg struct {
	ImportPath  string
	Dir         string
	GoFiles     []string
	Imports     []string
	TestGoFiles []string
}

// list asks for every build that is shipped, so that a file for another system is held to the table as well.
func list(t *testing.T) []pkg {
	t.Helper()
	seen := map[string]*pkg{}
	var order []string
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestGoFiles", "./...")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list for %s: %v", system, err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p pkg
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("read what go list says: %v", err)
			}
			if old, ok := seen[p.ImportPath]; ok {
				old.Imports = append(old.Imports, p.Imports...)
				old.GoFiles = append(old.GoFiles, p.GoFiles...)
				continue
			}
			seen[p.ImportPath] = &p
			order = append(order, p.ImportPath)
		}
	}
	var all []pkg
	for _, path := range order {
		p := *seen[path]
		for _, names := range []*[]string{&p.Imports, &p.GoFiles} {
			slices.Sort(*names)
			*names = slices.Compact(*names)
		}
		all = append(all, p)
	}
	if len(all) < 5 {
		t.Fatalf("go list names %d packages: the look is broken", len(all))
	}
	return all
}

func TestLayout(t *testing.T) {
	for _, p := range list(t) {
		allowed, ok := layout[p.ImportPath]
		if besides[p.ImportPath] != "" {
			continue
		}
		if !ok {
			t.Errorf("%s is not in the table of DESIGN.md", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			name, ours := strings.CutPrefix(imported, "cordon/internal/")
			if ours && !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s, and the table of DESIGN.md does not let it", p.ImportPath, imported)
			}
			if name == "awssim" && ours && !slices.Contains(mayUseSim, p.ImportPath) {
				t.Errorf("%s imports the simulator outside its tests", p.ImportPath)
			}
		}
	}
}

// The simulator is for drills: of the command's files, those of the drill alone reach it.
func TestSimulatorBehindTheDrill(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != "cordon/cmd/cordon" {
			continue
		}
		for _, name := range p.GoFiles {
			for _, imported := range imports(parse(t, filepath.Join(p.Dir, name))) {
				simulated := imported == "cordon/internal/awssim" || imported == "cordon/internal/drill"
				if simulated && !strings.HasPrefix(name, "drill") {
					t.Errorf("cmd/cordon/%s imports %s, and is no file of the drill", name, imported)
				}
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, "cordon/internal/")
		if !slices.Contains(pure, name) {
			continue
		}
		for _, f := range p.GoFiles {
			if slices.Contains(setApart, name+"/"+f) {
				continue
			}
			file := parse(t, filepath.Join(p.Dir, f))
			for _, imported := range imports(file) {
				if reaches(imported) {
					t.Errorf("%s/%s imports %s", name, f, imported)
				}
			}
			for _, use := range clockUses(file) {
				t.Errorf("%s/%s uses time.%s: the time is passed in", name, f, use)
			}
		}
	}
}

// What the checks look for is found in a file that has it: a check that finds nothing anywhere holds nothing.
func TestPurityIsSeen(t *testing.T) {
	const src = `package x
import ("net"; "net/http"; "net/netip"; later "time"; "github.com/aws/aws-sdk-go-v2/aws")
var _ = later.Now
var _ = later.Now().Sub(later.Time{})`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, i := range imports(file) {
		if reaches(i) {
			found = append(found, i)
		}
	}
	if want := []string{"net", "net/http", "github.com/aws/aws-sdk-go-v2/aws"}; !slices.Equal(found, want) {
		t.Errorf("reaches finds %v, not %v", found, want)
	}
	if uses := clockUses(file); len(uses) != 2 {
		t.Errorf("clockUses finds %v, and there are two", uses)
	}
}

func reaches(path string) bool {
	if slices.Contains(harmless, path) {
		return false
	}
	for _, n := range notPure {
		if path == n || strings.HasPrefix(path, strings.TrimSuffix(n, "/")+"/") {
			return true
		}
	}
	return false
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func imports(file *ast.File) []string {
	var paths []string
	for _, i := range file.Imports {
		if path, err := strconv.Unquote(i.Path.Value); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// clockUses lists what of package time's clock a file mentions, under whatever name it imports it.
func clockUses(file *ast.File) []string {
	name := ""
	for _, i := range file.Imports {
		if i.Path.Value != `"time"` {
			continue
		}
		name = "time"
		if i.Name != nil {
			name = i.Name.Name
		}
	}
	var uses []string
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && name != "" && x.Name == name && slices.Contains(clock, s.Sel.Name) {
			uses = append(uses, s.Sel.Name)
		}
		return true
	})
	return uses
}

// DESIGN.md says which test holds which promise. A test that was renamed or removed holds nothing.
func TestNamedTestsExist(t *testing.T) {
	page, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`").FindAllSubmatch(page, -1)
	if len(named) < 20 {
		t.Fatalf("DESIGN.md names %d tests: the look is broken", len(named))
	}
	have := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, d := range parse(t, path).Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				have[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range named {
		if !have[string(n[1])] {
			t.Errorf("DESIGN.md names %s, and there is no such test", n[1])
		}
	}
}
