package report

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The policy must admit the style that is in the page, and nothing else.
func TestPageAdmitsItsOwnStyleAlone(t *testing.T) {
	page, err := wholeStory(t).report().HTML()
	if err != nil {
		t.Fatal(err)
	}
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllSubmatch(page, -1)
	policies := regexp.MustCompile(`<meta http-equiv="Content-Security-Policy" content="([^"]*)">`).FindAllSubmatchIndex(page, -1)
	if len(styles) != 1 || len(policies) != 1 {
		t.Fatalf("the page has %d styles and %d policies", len(styles), len(policies))
	}
	sum := sha256.Sum256(styles[0][1])
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if got := html.UnescapeString(string(page[policies[0][2]:policies[0][3]])); got != want {
		t.Errorf("the policy is %q, want %q", got, want)
	}
	if strings.Index(string(page), "<style>") < policies[0][1] {
		t.Error("the policy comes after what it governs")
	}
	for _, loads := range []string{" src=", " style=", "<link", "<script", "<object", "url(", "@import", " on"} {
		for _, tag := range tagRE.FindAllString(string(page), -1) {
			if strings.Contains(tag, loads) {
				t.Errorf("the page holds %s", tag)
			}
		}
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(string(page), `id="`+strings.TrimPrefix(m[1], "#")+`"`) || m[1][0] != '#' {
			t.Errorf("the page links to %s", m[1])
		}
	}
}

// A conversion to one of html/template's types would switch its escaping off.
func TestNothingIsDeclaredSafe(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	conversion := regexp.MustCompile(`template\.(HTML|HTMLAttr|CSS|JS|JSStr|URL|Srcset)\b`)
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if m := conversion.Find(source); m != nil && f != "html_test.go" {
			t.Errorf("%s uses %s", f, m)
		}
	}
}
