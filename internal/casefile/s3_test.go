package casefile

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var _ S3API = (*s3.Client)(nil)

// Faults of one write, at the first attempt or at all of them, and what Create must make of it. Whatever it
// answers, the object afterwards is absent or whole.
func TestS3CreateUnderFaults(t *testing.T) {
	const key = "cases/one/journal/000001"
	ours, others := []byte("ours"), []byte("others")
	first := func(err error) func(string, string, int) error {
		return func(op, _ string, attempt int) error {
			if op == "put" && attempt == 1 {
				return err
			}
			return nil
		}
	}
	always := func(err error) func(string, string, int) error {
		return func(op, _ string, _ int) error {
			if op == "put" {
				return err
			}
			return nil
		}
	}
	unreadable := func(op, _ string, attempt int) error {
		if op == "put" && attempt == 1 {
			return errTimeout
		}
		if op == "get" && attempt == 1 {
			return errTimeout
		}
		return nil
	}
	for _, test := range []struct {
		name          string
		there         []byte
		before, after func(string, string, int) error
		want          error // nil: written; errAny: some other error
		puts          int
		holds         []byte
	}{
		{name: "undisturbed", puts: 1, holds: ours},
		{name: "412, others were first", there: others, want: ErrExist, puts: 1, holds: others},
		{name: "412, the same bytes were there", there: ours, want: ErrExist, puts: 1, holds: ours},
		{name: "409 once", before: first(httpError(409, "ConditionalRequestConflict")), puts: 2, holds: ours},
		{name: "409 once, others won", there: others, before: first(httpError(409, "ConditionalRequestConflict")), want: ErrExist, puts: 2, holds: others},
		{name: "409 for ever", before: always(httpError(409, "ConditionalRequestConflict")), want: errAny, puts: putTries},
		{name: "500 before the write", before: first(httpError(500, "InternalError")), puts: 2, holds: ours},
		{name: "500 after the write", after: first(httpError(500, "InternalError")), puts: 1, holds: ours},
		{name: "500 for ever, after the write", after: always(httpError(500, "InternalError")), puts: 1, holds: ours},
		{name: "500 before, others were first", there: others, before: first(httpError(500, "InternalError")), want: ErrExist, puts: 1, holds: others},
		{name: "503 once", before: first(httpError(503, "SlowDown")), puts: 2, holds: ours},
		{name: "429 once", before: first(httpError(429, "TooManyRequests")), puts: 2, holds: ours},
		{name: "400 RequestTimeout after the write", after: first(httpError(400, "RequestTimeout")), puts: 1, holds: ours},
		{name: "no answer before the write", before: first(errTimeout), puts: 2, holds: ours},
		{name: "no answer after the write", after: first(errTimeout), puts: 1, holds: ours},
		{name: "no answer after the write, nor to reading back", after: unreadable, puts: 2, holds: ours},
		{name: "no answer for ever", before: always(errTimeout), want: errAny, puts: putTries},
		{name: "403", before: first(httpError(403, "AccessDenied")), want: errAny, puts: 1},
		{name: "400", before: first(httpError(400, "InvalidRequest")), want: errAny, puts: 1},
		{name: "404 NoSuchBucket", before: first(httpError(404, "NoSuchBucket")), want: errAny, puts: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeS3()
			if test.there != nil {
				f.objects[key] = test.there
			}
			f.before, f.after = test.before, test.after
			err := newTestS3(f).Create(t.Context(), "journal/000001", ours)
			switch {
			case test.want == errAny && (err == nil || errors.Is(err, ErrExist)),
				test.want == ErrExist && !errors.Is(err, ErrExist),
				test.want == nil && err != nil:
				t.Errorf("got %v, want %v", err, test.want)
			}
			if f.calls["put"+key] != test.puts {
				t.Errorf("%d writes, want %d", f.calls["put"+key], test.puts)
			}
			if got := f.objects[key]; !bytes.Equal(got, test.holds) {
				t.Errorf("the object holds %q, want %q", got, test.holds)
			}
		})
	}
}

var errAny = errors.New("any error")

// Somebody else's write that lands between our lost one and our reading back is not ours.
func TestS3CreateLosesBetweenAttempts(t *testing.T) {
	f := newFakeS3()
	f.before = func(op, key string, attempt int) error {
		if op != "put" || attempt > 1 {
			return nil
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.objects[key] = []byte("others")
		return errTimeout
	}
	if err := newTestS3(f).Create(t.Context(), "journal/000001", []byte("ours")); !errors.Is(err, ErrExist) {
		t.Errorf("got %v", err)
	}
}

func TestS3CreateEndsWithItsContext(t *testing.T) {
	f := newFakeS3()
	ctx, cancel := context.WithCancel(t.Context())
	f.before = func(string, string, int) error {
		cancel()
		return errTimeout
	}
	if err := newTestS3(f).Create(ctx, "journal/000001", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := f.calls["putcases/one/journal/000001"]; n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestS3PutsUnderALockAndForOneOwner(t *testing.T) {
	f := newFakeS3()
	s := newTestS3(f)
	s.Owner, s.LockMode, s.LockUntil = "111122223333", types.ObjectLockModeGovernance, time.Unix(1800000000, 0)
	for _, name := range []string{"case.json", "journal/000001", "evidence/ab"} {
		if err := s.Create(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	var kinds []string
	for _, in := range f.puts {
		if in.ObjectLockMode != types.ObjectLockModeGovernance || !in.ObjectLockRetainUntilDate.Equal(s.LockUntil) || aws.ToString(in.ExpectedBucketOwner) != s.Owner {
			t.Errorf("%s: lock %q until %v, owner %q", *in.Key, in.ObjectLockMode, in.ObjectLockRetainUntilDate, aws.ToString(in.ExpectedBucketOwner))
		}
		kinds = append(kinds, *in.ContentType)
	}
	if want := []string{"application/json", "text/plain; charset=utf-8", "application/octet-stream"}; !slices.Equal(kinds, want) {
		t.Errorf("content types %v", kinds)
	}
}

func TestS3Locations(t *testing.T) {
	for _, test := range []struct{ prefix, location, key string }{
		{"", "s3://bucket", "case.json"},
		{"cases/one", "s3://bucket/cases/one", "cases/one/case.json"},
		{"/cases/one/", "s3://bucket/cases/one", "cases/one/case.json"},
	} {
		f := newFakeS3()
		s := NewS3(f, "bucket", test.prefix)
		if s.Location() != test.location {
			t.Errorf("%q: location %s", test.prefix, s.Location())
		}
		if err := s.Create(t.Context(), "case.json", nil); err != nil || f.objects[test.key] == nil {
			t.Errorf("%q: %v, objects %v", test.prefix, err, f.objects)
		}
		if err := s.Create(t.Context(), "plan/a", nil); err != nil {
			t.Fatal(err)
		}
		if names, err := s.List(t.Context(), "plan"); err != nil || !slices.Equal(names, []string{"plan/a"}) {
			t.Errorf("%q: listed %v, %v", test.prefix, names, err)
		}
	}
}

// A body that breaks off is an error and never a short file.
func TestS3ReadBreaksOff(t *testing.T) {
	f := newFakeS3()
	f.objects["cases/one/case.json"] = []byte("whole")
	s := newTestS3(f)
	s.client = brokenBodies{f}
	if data, err := s.Read(t.Context(), "case.json"); err == nil || errors.Is(err, ErrNotExist) {
		t.Errorf("read %q, %v", data, err)
	}
}

type brokenBodies struct{ *fakeS3 }

func (b brokenBodies) GetObject(ctx context.Context, in *s3.GetObjectInput, opts ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	out, err := b.fakeS3.GetObject(ctx, in, opts...)
	if err != nil {
		return nil, err
	}
	out.Body = io.NopCloser(io.MultiReader(strings.NewReader("who"), failingReader{}))
	return out, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestS3ReadAndListErrorsAreNotAbsence(t *testing.T) {
	f := newFakeS3()
	f.before = func(op, _ string, _ int) error { return httpError(403, "AccessDenied") }
	s := newTestS3(f)
	if _, err := s.Read(t.Context(), "case.json"); err == nil || errors.Is(err, ErrNotExist) {
		t.Errorf("read: %v", err)
	}
	if names, err := s.List(t.Context(), "journal"); err == nil {
		t.Errorf("listed %v", names)
	}
	f.before = func(op, _ string, _ int) error { return httpError(404, "NoSuchBucket") }
	if _, err := s.Read(t.Context(), "case.json"); err == nil || errors.Is(err, ErrNotExist) {
		t.Errorf("read from no bucket: %v", err)
	}
}
