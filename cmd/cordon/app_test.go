package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
)

// Whoever is asked and presses Ctrl-C gets out: the terminal's read goes on, and nobody may wait for it.
func TestAskedPersonCanLeave(t *testing.T) {
	silent, keyboard := io.Pipe()
	defer keyboard.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{stdin: silent}
	if _, err := a.readLine(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("asked, and interrupted: %v", err)
	}
}

// Containment goes on where what reads the output has ended; a rehearsal may end with it.
func TestNobodyReadingStopsNoContainment(t *testing.T) {
	defer signal.Reset(syscall.SIGPIPE)
	for _, drill := range []bool{true, false} {
		a := &app{stderr: &bytes.Buffer{}}
		if drill {
			a.conn.sim = &action.AWS{}
		}
		a.watch(&engine.Engine{}, "applying", 1)()
		if ignored := signal.Ignored(syscall.SIGPIPE); ignored == drill {
			t.Errorf("drill %v: a closed pipe is survived: %v", drill, ignored)
		}
	}
}

// What is shown to be typed where there is no such case can be answered, on S3 too.
func TestNoCaseNamesAListThatThereIs(t *testing.T) {
	a := &app{}
	for _, c := range []struct {
		store casefile.Store
		want  string
	}{
		{casefile.NewDir("/cases/x"), "cordon status"},
		{casefile.NewS3(nil, "bucket", "prefix/x"), "aws s3 ls s3://bucket/prefix/"},
	} {
		if got := a.noCase("x", c.store).Error(); !strings.HasSuffix(got, "which there are: "+c.want) {
			t.Errorf("%s: %s", c.store.Location(), got)
		}
	}
}
