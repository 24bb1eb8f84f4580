package main

import (
	"context"
	"errors"
	"io"
	"testing"
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
