package trail

import (
	"encoding/json"
	goflag "flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = goflag.Bool("update", false, "write docs/scope.md")

// TestScopePage holds docs/scope.md to the schema and the table of files; with -update it writes the page.
func TestScopePage(t *testing.T) {
	const path = "../../docs/scope.md"
	page := scopePage(t)
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page {
		t.Error("docs/scope.md is not what the schema says: run go generate ./internal/trail")
	}
}

func scopePage(t *testing.T) string {
	var root schemaNode
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(scopePageIntro)
	b.WriteString("\n## The files of --out\n\n| file | what it is |\n|---|---|\n")
	for _, f := range outputFiles {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.name, f.says)
	}
	b.WriteString("| `ingest.json` | what was read: files, records, copies, and whatever could not be read, with file and offset |\n")
	b.WriteString(scopePageFiles)
	b.WriteString("\nColumns of `timeline.csv`:")
	for _, c := range timelineColumns {
		b.WriteString(" `" + c.head + "`")
	}
	b.WriteString(".\n\n## The JSON document\n\n" + root.Description + " " + scopePageJSON)
	pageTable(&b, "The document", root)
	for _, name := range pageOrder(root) {
		pageTable(&b, "`"+name+"`", root.Defs[name])
	}
	b.WriteString("\n## Words\n")
	for _, name := range []string{"outcome", "relation", "confidence", "access"} {
		n := root.Defs[name]
		fmt.Fprintf(&b, "\n**%s**: %s One of `%s`.\n", name, n.Description, strings.Join(n.Enum, "`, `"))
	}
	return b.String()
}

// pageOrder gives the objects in the order in which the document's members lead to them.
func pageOrder(root schemaNode) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(n schemaNode)
	visit = func(n schemaNode) {
		for _, name := range n.names() {
			to := n.Properties[name].target()
			if to == "" || seen[to] || len(root.Defs[to].Properties) == 0 {
				continue
			}
			seen[to] = true
			order = append(order, to)
			visit(root.Defs[to])
		}
	}
	visit(root)
	return order
}

// names gives an object's members as the schema has them: those always there in its order, then the others.
func (n schemaNode) names() []string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(n.Properties)), func(name string) bool { return slices.Contains(n.Required, name) })
	return append(slices.Clone(n.Required), others...)
}

func pageTable(b *strings.Builder, title string, n schemaNode) {
	fmt.Fprintf(b, "\n### %s\n\n", title)
	if title != "The document" {
		b.WriteString(n.Description + "\n\n")
	}
	b.WriteString("| member | type | meaning |\n|---|---|---|\n")
	for _, name := range n.names() {
		p := n.Properties[name]
		meaning := strings.ReplaceAll(p.Description, "|", `\|`)
		if len(p.Enum) > 0 {
			meaning += " One of `" + strings.Join(p.Enum, "`, `") + "`."
		}
		if !slices.Contains(n.Required, name) {
			meaning += " May be absent."
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, p.kind(), meaning)
	}
}

// target is the object that a member leads to.
func (n schemaNode) target() string {
	if n.Items != nil {
		return n.Items.target()
	}
	return strings.TrimPrefix(n.Ref, "#/$defs/")
}

// kind says a member's type in words.
func (n schemaNode) kind() string {
	switch {
	case n.Items != nil:
		return "list of " + n.Items.kind()
	case n.target() == "maybe_time":
		return "time, or empty"
	case n.Ref != "":
		return n.target()
	}
	return n.Type
}

const scopePageIntro = `# What cordon scope answers

<!-- Generated from the schema by ` + "`go generate ./internal/trail`" + `. Do not edit. -->

` + "`cordon scope`" + ` follows a seed (a key, a user, an address, a finding) through CloudTrail and answers who it became, what was reached, what lives on and what nobody can know. At a terminal it shows what matters first. ` + "`-o json`" + ` prints the whole answer as one document, and ` + "`--out DIR`" + ` writes it in the forms that other tools read. With a case, the answer becomes evidence of the case and a part of its report.

Read three things before you rely on it:

- **What is not logged is not there.** Look at *coverage* first. "0 objects read" is only said where object reads were logged.
- **Possible is not theirs.** Events of the same user or role with another credential are listed apart, with the relation ` + "`same-principal`" + `. They may be the owner's own, and no count of the intruder's has them.
- **Live is as far as the log shows.** A credential that was issued and never used is as good to the intruder as one in use. Somebody may have revoked it where this log does not look.
`

const scopePageFiles = `
The files get their names when all of them are whole. What an interrupted run leaves ends in ` + "`.part`" + `: it is no answer, and the next run begins it anew.

The CSV files are for reading in a spreadsheet:

- Nothing in them runs. An apostrophe stands before a cell, or before what follows a semicolon, that begins with ` + "`= + - @`" + `, one of their full-width twins, or an apostrophe. Take one away and the text is as it was.
- Control characters, marks that turn the direction of writing, and invisible characters are written out: ` + "`\\x1b`, `\\u202e`" + `.
- A cell that is longer than a spreadsheet takes (32,767 characters) is cut and says so. A sheet that is longer (1,048,576 rows) goes on in the next file.
- They are UTF-8 without a byte order mark, which would hide the first column's name from every other program. In Excel, open them by Data, From Text/CSV, and take the accounts as text: it drops a zero at the beginning of a number.

The JSON files hold every text exactly. ` + "`file`, `offset` and `sha256`" + ` of a timeline lead back to the record: the offset counts bytes of the decompressed file, and the hash is of the record's bytes as they stand there. ` + "`cordon timeline`" + ` leaves empty the hash, which would cost it a second reading, and what only an answer can say (` + "`relation` to `techniques`" + `); the timeline of an answer leaves empty ` + "`principal_type`, `category` and `read_only`" + `.

The pivots count the intruder's events; ` + "`listed_apart`" + ` counts those of the same principal or of a service beside them. In ` + "`graph.json`" + `, identities lead to what was issued to them or made by them, and to the resources whose evidence their events are; resources lead to those outside who were given them.
`

const scopePageJSON = "Its JSON Schema is [scope.schema.json](../internal/trail/scope.schema.json). Members may be added, and are never renamed.\n"
