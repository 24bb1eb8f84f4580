package report

import (
	"context"
	"errors"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// chromium finds the browser or skips. CI sets CORDON_REQUIRE_PEERS, where a missing peer is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "chromium is not installed: the report's page is not tried in a browser (apt-get install chromium)"
	if os.Getenv("CORDON_REQUIRE_PEERS") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// browse opens a file in the browser and answers its standard output.
func browse(t *testing.T, browser, file string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
		"--user-data-dir=" + t.TempDir(), "--enable-logging=stderr", "--v=0",
	}, args...)
	cmd := exec.CommandContext(ctx, browser, append(args, "file://"+file)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) || ctx.Err() != nil {
			t.Fatalf("%s: %v\n%s", browser, err, errs.String())
		}
		t.Fatal(err)
	}
	// The browser says on stderr what the page's policy refused. The page itself must pass it whole.
	if strings.Contains(errs.String(), "Content Security Policy") {
		t.Errorf("the browser refused a part of the page:\n%s", errs.String())
	}
	return out.String()
}

// One page holds every hostile text, so that the browser is started once.
func TestBrowserRunsNothing(t *testing.T) {
	browser := chromium(t)
	// The long one would make a page of many megabytes, which only costs time.
	short := slices.DeleteFunc(slices.Clone(hostile), func(s string) bool { return len(s) > 1000 })
	everything := valid(strings.Join(short, " "))
	page, err := hostileStory(t, everything).report().HTML()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	dom := browse(t, browser, file, "--dump-dom")
	title := regexp.MustCompile(`<title>([^<]*)</title>`).FindStringSubmatch(dom)
	if title == nil || !strings.HasPrefix(title[1], "Incident report ") {
		t.Fatalf("the page's title is %q: a script ran, or the page did not load", title)
	}
	for _, tag := range []string{"<script", "<img", "<svg", "<iframe", "<b>", "<a href=\"http", "<a href=\"javascript"} {
		if strings.Contains(dom, tag) {
			t.Errorf("hostile text became %s", tag)
		}
	}
	said := html.UnescapeString(tagRE.ReplaceAllString(dom, " "))
	if want := show(everything); !strings.Contains(said, want) {
		t.Errorf("the page does not show the hostile text as text")
	}
}

// The style applies only when its hash in the policy is right.
func TestBrowserDrawsThePage(t *testing.T) {
	browser := chromium(t)
	dir := t.TempDir()
	page, err := Save(t.Context(), wholeStory(t).report(), dir)
	if err != nil {
		t.Fatal(err)
	}
	styled, bare := filepath.Join(dir, "styled.png"), filepath.Join(dir, "bare.png")
	browse(t, browser, page, "--window-size=1280,1600", "--screenshot="+styled)
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	unstyled := filepath.Join(dir, "bare.html")
	withoutStyle := regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAll(data, nil)
	if err := os.WriteFile(unstyled, withoutStyle, 0o600); err != nil {
		t.Fatal(err)
	}
	browse(t, browser, unstyled, "--window-size=1280,1600", "--screenshot="+bare)
	a, errA := os.ReadFile(styled)
	b, errB := os.ReadFile(bare)
	if errA != nil || errB != nil {
		t.Fatal(errors.Join(errA, errB))
	}
	if len(a) == 0 || string(a) == string(b) {
		t.Error("the page is drawn without its style: the policy's hash is not that of the style")
	}
}
