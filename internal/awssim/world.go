package awssim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
)

// Options shape a World. The zero value is an account that answers at once,
// consistently, in pages of three.
type Options struct {
	// Account and Partition default to "111122223333" and "aws".
	Account   string
	Partition string

	// Now is AWS's clock, apart from the caller's; nil means time.Now. Slow
	// work and token buckets advance with it, so a clock that stands still
	// never finishes a snapshot.
	Now func() time.Time

	// Latency is slept, unless the context ends first, before each answer.
	Latency func(service, operation string) time.Duration

	// Lag is the number of reads of a resource that still see it as it was
	// before a write (or absent, after a creation).
	Lag int

	// LagRandom draws the lag of each write from 0 to Lag instead, from Seed.
	LagRandom bool

	// PageSize is forced on every paginated operation; 0 means 3.
	PageSize int

	// Rates turns on the documented token buckets.
	Rates bool

	// Seed makes identifiers and random lags repeatable.
	Seed int64

	// Duration overrides how long a piece of AWS's own slow work takes
	// ("snapshot", "instance-stop", …), given what it usually takes.
	Duration func(work string, usual time.Duration) time.Duration
}

// Call is one request that reached the simulated account; the SDK's retries
// are calls of their own.
type Call struct {
	N         int    // from 1, in order of arrival
	Actor     string // the ARN that the calling config was attached as
	Service   string // the SDK's package name: "ec2", "elasticloadbalancingv2"
	Operation string
	Region    string
	Input     any
	Write     bool
}

// Fault is what a hook makes of a call.
type Fault struct {
	Before error  // answered instead of any effect
	After  error  // answered instead of the result, once the effect has happened
	Then   func() // runs after the effect, before the answer; it may panic to end the caller there
}

// World is a simulated AWS account with its clock and its police. Its methods
// may be called from any goroutine.
type World struct {
	options Options

	mu         sync.Mutex
	account    *Account
	random     *rand.Rand // identifiers; drawn from under mu only
	lagRandom  *rand.Rand // apart, so that lag does not change identifiers
	hook       func(Call) Fault
	calls      []Call
	violations []string
	timers     []timer
	stale      map[uintptr]map[string]*stale
	buckets    map[string]*bucket
	everKnown  map[string]bool
	suspects   map[string]suspect
	deletions  bool
	requests   int
	octets     int // of addresses handed out
}

// New makes an empty account: every region of the partition, nothing in it.
func New(o Options) *World {
	if o.Account == "" {
		o.Account = "111122223333"
	}
	if o.Partition == "" {
		o.Partition = "aws"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PageSize <= 0 {
		o.PageSize = 3
	}
	seed := uint64(o.Seed)
	return &World{
		options:   o,
		account:   newAccount(o.Account, o.Partition),
		random:    rand.New(rand.NewPCG(seed, 1)),
		lagRandom: rand.New(rand.NewPCG(seed, 2)),
		stale:     map[uintptr]map[string]*stale{},
		buckets:   map[string]*bucket{},
		everKnown: map[string]bool{},
		suspects:  map[string]suspect{},
	}
}

// Attach makes every client built from cfg talk to this world as callerARN.
// The region and the retry settings stay the caller's. The HTTP client is
// replaced by one that refuses: a simulated caller must never reach a real
// endpoint.
func (w *World) Attach(cfg *aws.Config, callerARN string) {
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID:     "ASIASIMULATEDEXAMPLE",
			SecretAccessKey: "simulated",
			SessionToken:    "simulated",
			Source:          "awssim",
		}, nil
	})
	cfg.HTTPClient = noNetwork{}
	// A fresh slice: configs are copied by value, and appending in place would
	// attach this world to the config's copies as well.
	cfg.APIOptions = append(slices.Clip(slices.Clone(cfg.APIOptions)), func(s *middleware.Stack) error {
		return addSeam(s, w, callerARN)
	})
}

type noNetwork struct{}

func (noNetwork) Do(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("awssim: a request for %s tried to leave the simulation", r.URL.Host)
}

// SetHook installs what is asked before each call takes effect. It runs
// outside the lock, so it may change the world through Do.
func (w *World) SetHook(hook func(Call) Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = hook
}

// Do runs f on the state, under the lock.
func (w *World) Do(f func(*Account)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle(w.options.Now())
	f(w.account)
	w.noteKnown()
}

// Calls lists every call so far, in order of arrival.
func (w *World) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// Now is the time on AWS's clock.
func (w *World) Now() time.Time { return w.options.Now() }

// ID makes an identifier that was never used before, such as "sg-0a1b…", for
// resources that tests put in place themselves.
func (w *World) ID(prefix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.newID(prefix)
}

// newID draws an identifier in the 17-digit form that EC2 has used since 2018.
func (w *World) newID(prefix string) string {
	id := fmt.Sprintf("%s-0%016x", prefix, w.random.Uint64())
	w.everKnown[id] = true
	return id
}

// timer is slow work of AWS's own that is due at a time.
type timer struct {
	at  time.Time
	run func(now time.Time)
}

// later schedules f for when the named piece of slow work is done. usual is
// how long it takes where Options.Duration does not say otherwise.
func (w *World) later(now time.Time, work string, usual time.Duration, f func(now time.Time)) {
	if w.options.Duration != nil {
		usual = w.options.Duration(work, usual)
	}
	if usual <= 0 {
		f(now)
		return
	}
	at := now.Add(usual)
	i, _ := slices.BinarySearchFunc(w.timers, at, func(t timer, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1 // equal times keep the order in which they were begun
	})
	w.timers = slices.Insert(w.timers, i, timer{at, f})
}

// settle carries out the slow work that is due.
func (w *World) settle(now time.Time) {
	for len(w.timers) > 0 && !w.timers[0].at.After(now) {
		due := w.timers[0]
		w.timers = w.timers[1:]
		due.run(due.at)
	}
}
