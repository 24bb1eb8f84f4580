package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"strings"
)

//go:embed page.html
var pageSource string

const styleMark = "STYLE-HASH"

// HTML gives the report as one page that loads nothing and runs nothing. html/template escapes every text for
// where it stands; the content security policy admits the page's own style by its hash and nothing else, so
// that even an escaping that failed would have no effect.
func (r Report) HTML() ([]byte, error) {
	hash, err := styleHash(pageSource)
	if err != nil {
		return nil, fmt.Errorf("write the report of case %q as HTML: %w", r.Case, err)
	}
	page, err := template.New("page").Parse(strings.Replace(pageSource, styleMark, hash, 1))
	if err != nil {
		return nil, fmt.Errorf("write the report of case %q as HTML: %w", r.Case, err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, r.document()); err != nil {
		return nil, fmt.Errorf("write the report of case %q as HTML: %w", r.Case, err)
	}
	return b.Bytes(), nil
}

// styleHash is over the text between the tags, which holds no comment and no template action: html/template
// would take those out, and the hash would be of other bytes than the browser sees.
func styleHash(page string) (string, error) {
	_, rest, opened := strings.Cut(page, "<style>")
	style, _, closed := strings.Cut(rest, "</style>")
	if !opened || !closed {
		return "", errors.New("the page has no style")
	}
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:]), nil
}
