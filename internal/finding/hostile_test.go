package finding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"cordon/internal/casefile"
	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
)

var good = findingOf("Trojan:EC2/DropPoint", "Instance", host)

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestBadBesideGood: a bad document is named where it begins, and those beside it are answered.
func TestBadBesideGood(t *testing.T) {
	bads := map[string]string{
		"duplicate name":    strings.Replace(good, `"id":"f"`, `"id":"f","id":"g"`, 1),
		"case":              strings.Replace(good, `"type":`, `"Type":"Trojan:S3/X","type":`, 1),
		"case inside":       strings.Replace(good, `"instanceId":`, `"instanceID":"i-0bad0000000000000","instanceId":`, 1),
		"kelvin sign":       strings.Replace(good, `"id":"f"`, `"id":"f","K":1,"k":1`, 1),
		"invalid utf-8":     strings.Replace(good, `"f"`, "\"\xff\"", 1),
		"nested":            strings.Replace(good, `"f"`, strings.Repeat("[", 64)+strings.Repeat("]", 64), 1),
		"very nested":       strings.Replace(good, `"f"`, strings.Repeat("[", 70000)+strings.Repeat("]", 70000), 1),
		"literal":           strings.Replace(good, `"f"`, "tru", 1),
		"cut off":           good[:len(good)/2],
		"cut in a string":   good[:strings.Index(good, "0dead")],
		"cut at a colon":    good[:strings.Index(good, `{"resourceType`)],
		"no finding":        `{"a":1}`,
		"number":            `42`,
		"text":              `"x"`,
		"garbage":           `}}}`,
		"two meanings":      strings.Replace(good, `"id"`, `"detail":{},"id"`, 1),
		"list and finding":  strings.Replace(good, `"id"`, `"Findings":[`+good+`],"id"`, 1),
		"two lists":         `{"Findings":[` + good + `],"findings":[` + good + `]}`,
		"wrapped garbage":   `{"Type":"Notification","Message":"no json"}`,
		"wrapped duplicate": `{"Type":"Notification","Message":` + quoted(strings.Replace(good, `"id":"f"`, `"id":"f","id":"g"`, 1)) + `}`,
		"flattened twice":   strings.Replace(good, `"id"`, `"resource_instancedetails_instanceid":"i-0bad0000000000000","id"`, 1),
		"huge":              `{"type":"` + strings.Repeat("x", maxDocument) + `"}`,
		"many values":       `{"resource":{},"x":[` + strings.Repeat("1,", maxValues) + `1]}`,
	}
	wrapped := good
	for range maxWraps + 1 {
		wrapped = `{"Type":"Notification","Message":` + quoted(wrapped) + `}`
	}
	bads["wrapped too often"] = wrapped
	for name, bad := range bads {
		t.Run(name, func(t *testing.T) {
			docs, errs, err := ReadAll("f", strings.NewReader(good+"\n"+bad+"\n"+good+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			if len(docs) != 2 || len(errs) != 1 {
				t.Fatalf("%d incidents and %d errors, want 2 and 1: %v", len(docs), len(errs), errs)
			}
			if errs[0].File != "f" || errs[0].Line != 2 || errs[0].Offset != int64(len(good)+1) || errs[0].Message == "" {
				t.Errorf("named as %+v", errs[0])
			}
			for _, d := range docs {
				if !names(d, "i-0dead0000000beef1") {
					t.Errorf("subjects %+v", d.Incident.Subjects)
				}
			}
		})
	}
}

// TestBadElement: the elements of one list do not take each other down.
func TestBadElement(t *testing.T) {
	dup := strings.Replace(good, `"id":"f"`, `"id":"f","id":"g"`, 1)
	broken := strings.Replace(good, `"id":"f"`, `"id":,`, 1)
	for _, bad := range []string{dup, broken} {
		for _, format := range []string{"[%s,\n%s,%s]", `{"Findings":[%s,` + "\n" + `%s,%s],"NextToken":""}`} {
			docs, errs, err := ReadAll("f", strings.NewReader(fmt.Sprintf(format, good, bad, good)))
			if err != nil || len(docs) != 2 || len(errs) != 1 || errs[0].Line != 2 {
				t.Errorf("%d incidents, errors %v, %v of %s", len(docs), errs, err, format)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	event := `{"source":"aws.guardduty","detail-type":"GuardDuty Finding","account":"111122223333","region":"eu-west-1","detail":` + good + `}`
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"concatenated":   {good + good + event, 3},
		"array":          {"[" + good + "," + event + "]", 2},
		"pretty":         {strings.ReplaceAll(good, ",", ",\n  ") + "\n" + event, 2},
		"sqs receive":    {`{"Messages":[{"MessageId":"1","Body":` + quoted(event) + `},{"MessageId":"2","Body":` + quoted(good) + `}]}`, 2},
		"sns raw":        {`{"Type":"Notification","Message":` + quoted(event) + `}`, 1},
		"lambda sns":     {`{"Records":[{"Sns":{"Message":` + quoted("["+good+","+good+"]") + `}}]}`, 2},
		"byte order":     {"\xef\xbb\xbf" + good, 1},
		"empty response": {`{"Findings":[]}`, 0},
		"tags of a case": {strings.Replace(good, `"instanceId"`, `"tags":{"env":"a","Env":"b"},"instanceId"`, 1), 1},
	} {
		docs, errs, err := ReadAll(name, strings.NewReader(c.text))
		if err != nil || len(errs) > 0 || len(docs) != c.want {
			t.Errorf("%s: %d incidents, want %d, errors %v, %v", name, len(docs), c.want, errs, err)
		}
	}
}

func TestGzip(t *testing.T) {
	lines := strings.Repeat(good+"\n", 3)
	for name, c := range map[string]struct {
		in         []byte
		docs, errs int
	}{
		"plain":        {zipped([]byte(lines)), 3, 0},
		"members":      {append(zipped([]byte(lines)), zipped([]byte(good))...), 4, 0},
		"cut off":      {zipped([]byte(lines))[:60], 0, 1},
		"gzip in gzip": {zipped(zipped([]byte(lines))), 0, 1},
		"trailing":     {append(zipped([]byte(lines)), "junk, and more of it"...), 3, 1},
		"bomb":         {zipped(bytes.Repeat([]byte(" "), 64<<20)), 0, 1},
	} {
		docs, errs, err := ReadAll(name, bytes.NewReader(c.in))
		if err != nil || len(docs) != c.docs || len(errs) != c.errs {
			t.Errorf("%s: %d incidents, want %d; errors %v, want %d; %v", name, len(docs), c.docs, errs, c.errs, err)
		}
	}
}

// TestGzipBombStops: a bomb is stopped for its ratio, long before it is unfolded.
func TestGzipBombStops(t *testing.T) {
	bomb := zipped([]byte(good + strings.Repeat(" ", 64<<20) + good))
	docs, errs, err := ReadAll("bomb", bytes.NewReader(bomb))
	if err != nil || len(docs) != 1 || len(errs) != 1 || !strings.Contains(errs[0].Message, "times its size") || errs[0].Offset > 2*ratioFrom {
		t.Errorf("%d incidents, errors %+v, %v", len(docs), errs, err)
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("disk on fire")
	docs, _, err := ReadAll("f", io.MultiReader(strings.NewReader(good+"\n"), errReader{broken}))
	if !errors.Is(err, broken) || len(docs) != 1 {
		t.Errorf("%d incidents, %v", len(docs), err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// endless repeats text until size bytes are read.
type endless struct {
	text string
	left int64
	at   int
}

func forever(text string, size int64) *endless {
	return &endless{text: strings.Repeat(text, 1+(64<<10)/len(text)), left: size}
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), e.left)], e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	e.left -= int64(n)
	return n, nil
}

// TestMemory: 300 MiB of anything (2 GiB with CORDON_LONG=1) stay under 256 MiB of heap.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 300 MiB five times")
	}
	size := int64(300 << 20)
	if os.Getenv("CORDON_LONG") != "" {
		size = 2 << 30
	}
	long := strings.Replace(good, `"f"`, `"`+strings.Repeat("f", 4000)+`"`, 1) // real findings take some 5 KB
	for name, r := range map[string]io.Reader{
		"lines":        forever(long+"\n", size),
		"one list":     io.MultiReader(strings.NewReader(`{"Findings":[`+long), forever(","+long, size)),
		"one string":   io.MultiReader(strings.NewReader(`{"type":"`), forever("x", size)),
		"one document": io.MultiReader(strings.NewReader(`{"resource":{"x":[1`), forever(",1", size)),
		"zeros":        forever("\x00", size),
	} {
		t.Run(name, func(t *testing.T) {
			var peak uint64
			watched := io.TeeReader(r, &sampler{peak: &peak})
			if _, err := Read(name, watched, func(casefile.Incident, []byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			t.Logf("peak heap %d MiB", peak>>20)
			if peak > 256<<20 {
				t.Errorf("peak heap %d MiB, want under 256", peak>>20)
			}
		})
	}
}

// sampler looks at the heap every 4 MiB of input.
type sampler struct {
	seen int
	peak *uint64
}

func (s *sampler) Write(p []byte) (int, error) {
	if s.seen += len(p); s.seen > 4<<20 {
		s.seen = 0
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		*s.peak = max(*s.peak, m.HeapInuse)
	}
	return len(p), nil
}

func BenchmarkRead(b *testing.B) {
	b.SetBytes(int64(len(good)))
	r := forever(good+"\n", int64(len(good)+1)*int64(b.N))
	if _, err := Read("bench", r, func(casefile.Incident, []byte) error { return nil }); err != nil {
		b.Fatal(err)
	}
}
