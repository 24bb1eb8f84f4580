package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/report"
)

// app is what the commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	output  string
	cases   string
	keyFile string
	person  string
	conn    connection

	typed    *cobra.Command // the command being run; nil in tests that run none
	casePath string         // where the case's folder is, where the command line names that and not its id
	naming   sync.Mutex     // held by next
}

func (a *app) json() bool { return a.output == "json" }

// say prints a line for people. What is put into the format is escaped, the format itself is ours.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.stdout, format+"\n", escaped(args)...)
}

// sayLines prints a text of several lines.
func (a *app) sayLines(text string) {
	for _, l := range strings.Split(text, "\n") {
		a.say("%s", l)
	}
}

// tell prints progress.
func (a *app) tell(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", escaped(args)...)
}

func escaped(args []any) []any {
	safe := make([]any, len(args))
	for i, x := range args {
		switch v := x.(type) {
		case int, int64, float64:
			safe[i] = v
		default:
			safe[i] = report.Escape(fmt.Sprint(v))
		}
	}
	return safe
}

func (a *app) document(v any) error { return writeDocument(a.stdout, v) }

func writeDocument(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// stateFolder is where a user's own state lives: $XDG_STATE_HOME, else ~/.local/state
// (specifications.freedesktop.org/basedir), and %LocalAppData% on Windows.
func stateFolder() (string, error) {
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "cordon"), nil
	}
	if d := os.Getenv("LocalAppData"); filepath.IsAbs(d) {
		return filepath.Join(d, "cordon"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the user's state folder: %w; name one with --cases and --key-file", err)
	}
	return filepath.Join(home, ".local", "state", "cordon"), nil
}

func (a *app) casesRoot() (string, error) {
	if a.cases != "" {
		return a.cases, nil
	}
	if d := os.Getenv("CORDON_CASES"); d != "" {
		return d, nil
	}
	d, err := stateFolder()
	return filepath.Join(d, "cases"), err
}

// store opens the storage of one case. CASE may also be the path of a case's folder.
func (a *app) store(ctx context.Context, id string) (casefile.Store, error) {
	if strings.ContainsAny(id, `/\`) {
		a.casePath = id
	}
	if !strings.HasPrefix(id, "s3://") && strings.ContainsAny(id, `/\`) {
		return casefile.NewDir(id), nil
	}
	root, err := a.casesRoot()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(id, "s3://") {
		root, id = id[:strings.LastIndex(id, "/")], id[strings.LastIndex(id, "/")+1:]
	}
	if !validCase(id) {
		return nil, fmt.Errorf("%w: %q is no case id", errUsage, id)
	}
	if bucket, ok := strings.CutPrefix(root, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(bucket, "/")
		c, err := a.connect(ctx)
		if err != nil {
			return nil, err
		}
		return casefile.NewS3(action.CaseStore(c), bucket, strings.Trim(prefix+"/"+id, "/")), nil
	}
	return casefile.NewDir(filepath.Join(root, id)), nil
}

// validCase keeps case ids to what is a safe name everywhere.
func validCase(id string) bool {
	if id == "" || len(id) > 120 || id[0] == '-' || id[0] == '.' {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

func (a *app) open(ctx context.Context, id string) (*casefile.Case, error) {
	s, err := a.store(ctx, id)
	if err != nil {
		return nil, err
	}
	c, err := casefile.OpenCase(ctx, s)
	if errors.Is(err, casefile.ErrNotExist) {
		return nil, a.noCase(id, s)
	}
	if _, bad := errors.AsType[*casefile.BadEntry](err); bad {
		return nil, fmt.Errorf("%w; all that is wrong with the case: %s", err, a.next("verify", quoted(id)))
	}
	return c, err
}

func (a *app) noCase(id string, s casefile.Store) error {
	list := a.next("status")
	if at := s.Location(); isBucket(at) {
		list = "aws s3 ls " + quoted(at[:strings.LastIndex(at, "/")+1]) // which status does not list
	}
	return fmt.Errorf("there is no case %s at %s; which there are: %s", id, s.Location(), list)
}

func (a *app) signer() (*casefile.Signer, error) {
	path := a.keyFile
	if path == "" {
		d, err := stateFolder()
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("make the state folder: %w", err)
		}
		path = filepath.Join(d, "key")
	}
	return casefile.LoadOrCreateKey(path, rand.Reader)
}

// engine makes the engine for a case, signed by this user's key.
func (a *app) engine(c *casefile.Case, conn *action.AWS, command string) (*engine.Engine, error) {
	signer, err := a.signer()
	if err != nil {
		return nil, err
	}
	e := &engine.Engine{
		AWS: conn, Case: c, Signer: signer, Person: a.who(),
		Next: func(command string, more ...string) string {
			return a.next(command, append([]string{a.caseArg(c.Meta.ID)}, more...)...)
		},
		Session: casefile.SessionBody{Version: version, Binary: binaryHash(), Command: command, Simulated: c.Meta.Simulated},
	}
	if !a.json() {
		e.Notify = a.progress()
	}
	return e, nil
}

// watch shows how the work on a plan gets on: line by line, or behind a bar where there are many. end clears the bar.
// Nobody's reading it any more (| head, a pager that was left) stops no work on a real account.
func (a *app) watch(e *engine.Engine, doing string, steps int) (end func()) {
	if a.conn.sim == nil {
		signal.Ignore(syscall.SIGPIPE)
	}
	if a.json() || steps <= manySteps {
		return func() {}
	}
	e.Notify, end = a.stepsBar(doing, steps)
	return end
}

// progress prints a line as a step begins waiting or ends. Steps run side by side, and so do their notices.
func (a *app) progress() func(engine.Event) {
	began := time.Now()
	var mu sync.Mutex
	return func(ev engine.Event) {
		if ev.State == casefile.Waiting && ev.Note == "" {
			return
		}
		note := ""
		if ev.Note != "" {
			note = ": " + ev.Note
		}
		mu.Lock()
		defer mu.Unlock()
		a.tell("%7.2fs  %-8s %3d  %s  %s%s", time.Since(began).Seconds(), ev.State, ev.Step.N, ev.Step.Action, ev.Step.On(), note)
	}
}

// binaryHash names the running executable's bytes, so that a court can ask for them.
func binaryHash() string {
	path, err := os.Executable()
	if err != nil {
		return "unknown: " + err.Error()
	}
	f, err := os.Open(path)
	if err != nil {
		return "unknown: " + err.Error()
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "unknown: " + err.Error()
	}
	return hex.EncodeToString(h.Sum(nil))
}

// atTerminal tells whether somebody can be asked.
func (a *app) atTerminal() bool {
	in, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// ask has a person type the first characters of the hash. No terminal, no answer: approval is never assumed.
func (a *app) ask(ctx context.Context, hash, question string) error {
	if !a.atTerminal() {
		return fmt.Errorf("%w: %s needs approval: --approve %s", engine.ErrDecision, question, hash)
	}
	fmt.Fprintf(a.stderr, "%s\nType the first six characters of %s to approve: ", question, hash)
	line, err := a.readLine(ctx)
	if err != nil {
		return fmt.Errorf("%w: no answer, and nothing was done: %w", engine.ErrDecision, err)
	}
	if typed := strings.TrimSpace(line); len(typed) < 6 || !strings.HasPrefix(hash, typed) {
		return fmt.Errorf("%w: %q is not how %s begins; nothing was done", engine.ErrDecision, typed, hash)
	}
	return nil
}

// readLine reads what a person types, and no longer than until they press Ctrl-C: a read of the terminal does not end by
// that.
func (a *app) readLine(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		read <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-read:
		return r.line, r.err
	}
}
