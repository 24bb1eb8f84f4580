package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// A bar shows how far reading has got. At a terminal it is one line that is written over, five times a second; else a
// line every ten seconds, so that a log of the run stays short. Nothing is shown of what is done within two seconds.
type bar struct {
	out   io.Writer
	live  bool       // a terminal, that takes a carriage return
	doing string     // reading
	each  string     // files
	n     int        // of them
	total int64      // bytes as stored; 0: unknown
	width func() int // the terminal's columns now; 0: unknown
	began time.Time
	line  func(b *bar, done int, bytes int64, events int, spent time.Duration) string

	mu    sync.Mutex
	last  time.Time
	shown int // width of what stands on the line
}

// newBar makes a bar on w. With NO_COLOR, or on a terminal that says it is dumb, nothing is written over.
func newBar(w io.Writer, doing string, n int, each string, total int64) *bar {
	f, ok := w.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &bar{out: w, live: live, doing: doing, n: n, each: each, total: total, width: func() int { return columns(w) }, began: time.Now(), line: filesLine}
}

// at is told how much is done; it may be called from many goroutines.
func (b *bar) at(done int, bytes int64, events int) {
	pause := 10 * time.Second
	if b.live {
		pause = 200 * time.Millisecond
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) < 2*time.Second || now.Sub(b.last) < pause {
		return
	}
	b.last = now
	line := b.line(b, done, bytes, events, now.Sub(b.began))
	if !b.live {
		fmt.Fprintln(b.out, line)
		return
	}
	// A line that reaches the terminal's edge goes on below it, where the carriage return no longer gets at it.
	if most := b.width() - 1; most > 0 {
		line, b.shown = narrow(line, most), min(b.shown, most)
	}
	fmt.Fprint(b.out, "\r"+line+strings.Repeat(" ", max(0, b.shown-len(line))))
	b.shown = len(line)
}

// narrow makes a line fit into so many columns: first the picture goes, then the end.
func narrow(line string, most int) string {
	before, rest, _ := strings.Cut(line, "[")
	if _, after, ok := strings.Cut(rest, "]"); ok && len(line) > most {
		line = strings.TrimSpace(before) + after
	}
	return line[:min(len(line), most)]
}

// filesLine is the same width for as long as it can be, in characters that every terminal has.
func filesLine(b *bar, done int, bytes int64, events int, spent time.Duration) string {
	if b.n == 0 {
		return fmt.Sprintf("%s  %v so far", b.doing, spent.Round(time.Second))
	}
	if b.total <= 0 || bytes <= 0 {
		return fmt.Sprintf("%s  %d of %d %s   %s events", b.doing, done, b.n, b.each, thousands(events))
	}
	part := min(float64(bytes)/float64(b.total), 1)
	left := time.Duration(float64(spent) * (1 - part) / part).Round(time.Second)
	return fmt.Sprintf("%s  %s %3.0f%%   %s of %s   %s events   %v left", b.doing, picture(part), 100*part, size(bytes), size(b.total), thousands(events), left)
}

// picture is a part of a whole, 24 characters wide between brackets.
func picture(part float64) string {
	const width = 24
	full := int(part * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// during shows on w that something is being done of which nobody can tell how much is left, for as long as it is.
func during(w io.Writer, doing string, do func() error) error {
	b := newBar(w, doing, 0, "", 0)
	defer b.beating(func() int { return 0 })()
	return do()
}

// beating draws the bar from time to time, until end is called.
func (b *bar) beating(done func() int) (end func()) {
	stop, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		beat := time.NewTicker(200 * time.Millisecond)
		defer beat.Stop()
		for {
			select {
			case <-stop:
				return
			case <-beat.C:
				b.at(done(), 0, 0)
			}
		}
	}()
	return func() { close(stop); <-gone; b.end() }
}

// end clears the line.
func (b *bar) end() { b.above(func() {}) }

// above clears the line and has something else said, which the bar then does not write into.
func (b *bar) above(say func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer say()
	if most := b.width() - 1; most > 0 {
		b.shown = min(b.shown, most)
	}
	if b.shown > 0 {
		fmt.Fprint(b.out, "\r"+strings.Repeat(" ", b.shown)+"\r")
		b.shown = 0
	}
}

func size(n int64) string {
	v, unit := float64(n), "B"
	for _, u := range []string{"KB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is a number with the word for what is counted.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// columns is the width of the terminal that w is, 0 where it is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0 // no terminal: lines are as long as they are
	}
	return n
}
