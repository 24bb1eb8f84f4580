package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBar: nothing of what is quick; where there is no terminal a line now and then, and nothing is written over.
func TestBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newBar(&out, "reading", 100, "files", 1000)
		for i := range 60 { // a minute and a half
			b.at(i, int64(10*i), 1000*i)
			time.Sleep(1500 * time.Millisecond)
		}
		b.end()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) < 5 || len(lines) > 10 {
			t.Errorf("%d lines in 90 seconds:\n%s", len(lines), out.String())
		}
		if strings.ContainsAny(out.String(), "\r\x1b") {
			t.Errorf("written over: %q", out.String())
		}
		if want := "reading  [########................]  37%   370 B of 1.0 KB   37,000 events   1m35s left"; !strings.Contains(out.String(), want) {
			t.Errorf("there is no line %q:\n%s", want, out.String())
		}

		out.Reset()
		quick := newBar(&out, "reading", 1, "files", 10)
		quick.at(1, 10, 1)
		quick.end()
		if out.Len() != 0 {
			t.Errorf("a bar for what took no time: %q", out.String())
		}
	})
}

// TestBarAtATerminal writes over its own line and leaves none of it.
func TestBarAtATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newBar(&out, "reading", 100, "files", 0)
		b.live = true
		time.Sleep(3 * time.Second)
		b.at(1, 1, 1_000_000)
		time.Sleep(time.Second)
		b.at(2, 2, 1)
		b.end()
		screen := ""
		for _, part := range strings.Split(out.String(), "\r") {
			screen = part + screen[min(len(part), len(screen)):]
		}
		if strings.TrimSpace(screen) != "" {
			t.Errorf("the bar leaves %q", screen)
		}
		if strings.Contains(out.String(), "\n") {
			t.Errorf("the bar goes to a new line: %q", out.String())
		}
	})
}

// TestBarFitsTheTerminal: a line that is broken by a narrow terminal cannot be written over, and would fill the screen.
func TestBarFitsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, width := range []int{60, 20, 1} {
			var out bytes.Buffer
			b := newBar(&out, "reading", 100, "files", 100_000_000)
			b.live, b.width = true, func() int { return width }
			for i := range 20 {
				time.Sleep(time.Second)
				b.at(i, int64(i)*5_000_000, 1_000_000)
			}
			b.end()
			for _, line := range strings.Split(out.String(), "\r") {
				if width > 1 && len(line) >= width {
					t.Errorf("%d columns: %q", width, line)
				}
			}
			if want := "%   15.0 MB of 100.0 MB   1,000,000 events   "; width == 60 && !strings.Contains(out.String(), want) {
				t.Errorf("how far it is does not show: %q", out.String())
			}
		}
	})
}

// TestDuring: what takes long says that it is being done, and what does not says nothing.
func TestDuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		wrong := errors.New("wrong")
		if err := during(&out, "following", func() error { time.Sleep(time.Second); return wrong }); err != wrong || out.Len() != 0 {
			t.Errorf("%v, %q", err, out.String())
		}
		if err := during(&out, "following", func() error { time.Sleep(15 * time.Second); return nil }); err != nil {
			t.Error(err)
		}
		if got, want := out.String(), "following  2s so far\nfollowing  12s so far\n"; got != want {
			t.Errorf("in 15 seconds %q, not %q", got, want)
		}
	})
}
