package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

// The columns of Security Lake's first and second source version, as far as they matter here.
type (
	lakeRC2 struct {
		Metadata struct {
			UID     string `parquet:"uid"`
			Version string `parquet:"version"`
			Product struct {
				Name    string `parquet:"name"`
				Version string `parquet:"version"`
				Feature struct {
					Name string `parquet:"name"`
				} `parquet:"feature"`
			} `parquet:"product"`
			Profiles []string `parquet:"profiles,list"`
		} `parquet:"metadata"`
		Time  int64 `parquet:"time"`
		Cloud struct {
			Region   string `parquet:"region"`
			Provider string `parquet:"provider"`
		} `parquet:"cloud"`
		API   lakeAPI `parquet:"api"`
		Actor struct {
			User struct {
				Type          *string `parquet:"type,optional"`
				Name          *string `parquet:"name,optional"`
				UID           *string `parquet:"uid,optional"`
				UUID          *string `parquet:"uuid,optional"`
				AccountUID    *string `parquet:"account_uid,optional"`
				CredentialUID *string `parquet:"credential_uid,optional"`
			} `parquet:"user"`
			Session *struct {
				CreatedTime int64  `parquet:"created_time"`
				MFA         bool   `parquet:"mfa"`
				Issuer      string `parquet:"issuer"`
			} `parquet:"session,optional"`
		} `parquet:"actor"`
		Source    lakeSource `parquet:"src_endpoint"`
		Agent     lakeAgent  `parquet:"http_request"`
		ClassUID  int32      `parquet:"class_uid"`
		Resources []struct {
			UID        string `parquet:"uid"`
			AccountUID string `parquet:"account_uid"`
			Type       string `parquet:"type"`
		} `parquet:"resources,list"`
		Unmapped map[string]string `parquet:"unmapped"`
	}
	lakeAPI struct {
		Operation string `parquet:"operation"`
		Service   struct {
			Name string `parquet:"name"`
		} `parquet:"service"`
		Request struct {
			UID  string `parquet:"uid"`
			Data string `parquet:"data,json"`
		} `parquet:"request"`
		Response struct {
			Error   *string `parquet:"error,optional"`
			Message *string `parquet:"message,optional"`
			Data    string  `parquet:"data,json"`
		} `parquet:"response"`
	}
	lakeSource struct {
		IP *string `parquet:"ip,optional"`
	}
	lakeAgent struct {
		UserAgent string `parquet:"user_agent"`
	}
	lake11 struct {
		Metadata struct {
			UID     string `parquet:"uid"`
			Version string `parquet:"version"`
			Code    string `parquet:"event_code"`
		} `parquet:"metadata"`
		Time   int64 `parquet:"time"`
		TimeDT int64 `parquet:"time_dt,timestamp(microsecond)"`
		Cloud  struct {
			Region  string `parquet:"region"`
			Account struct {
				UID string `parquet:"uid"`
			} `parquet:"account"`
		} `parquet:"cloud"`
		API   lakeAPI `parquet:"api"`
		Actor struct {
			User struct {
				Type    string `parquet:"type"`
				UID     string `parquet:"uid"`
				UIDAlt  string `parquet:"uid_alt"`
				Name    string `parquet:"name"`
				Account struct {
					UID string `parquet:"uid"`
				} `parquet:"account"`
				CredentialUID string `parquet:"credential_uid"`
			} `parquet:"user"`
			Session struct {
				CreatedTime int64  `parquet:"created_time_dt,timestamp(millisecond)"`
				MFA         bool   `parquet:"is_mfa"`
				Issuer      string `parquet:"issuer"`
			} `parquet:"session"`
		} `parquet:"actor"`
		Source    lakeSource `parquet:"src_endpoint"`
		Agent     lakeAgent  `parquet:"http_request"`
		ClassUID  int32      `parquet:"class_uid"`
		Resources []struct {
			UID   string `parquet:"uid"`
			Type  string `parquet:"type"`
			Owner struct {
				Account struct {
					UID string `parquet:"uid"`
				} `parquet:"account"`
			} `parquet:"owner"`
		} `parquet:"resources,list"`
		Unmapped map[string]string `parquet:"unmapped"`
	}
)

func ptr[T any](v T) *T { return &v }

func setAPI(a *lakeAPI, n int) {
	a.Operation, a.Service.Name = "RunInstances", "ec2.amazonaws.com"
	a.Request.UID, a.Request.Data = fmt.Sprint("request-", n), fmt.Sprintf(`{"number":%d}`, n)
	a.Response.Data = "null"
	if n%3 == 0 {
		a.Response.Error, a.Response.Message = ptr("Client.UnauthorizedOperation"), ptr("no")
	}
}

// rowsRC2 are n rows of 1.0.0-rc.2: every other one without a session, every third denied, with none to two resources.
func rowsRC2(n int) []lakeRC2 {
	rows := make([]lakeRC2, n)
	for i := range rows {
		r := &rows[i]
		r.Metadata.UID, r.Metadata.Version, r.Metadata.Product.Version = fmt.Sprint("event-", i), "1.0.0-rc.2", "1.08"
		r.Metadata.Product.Feature.Name, r.Metadata.Profiles = "Management", []string{"cloud"}
		r.Time, r.Cloud.Region, r.ClassUID = 1_700_000_000_000+int64(i)*1000, "eu-west-1", 3005
		setAPI(&r.API, i)
		u := &r.Actor.User
		u.UUID, u.UID, u.AccountUID = ptr("arn:aws:sts::111122223333:assumed-role/app/i-1"), ptr("AROA:i-1"), ptr("111122223333")
		u.Type, u.CredentialUID = ptr("AssumedRole"), ptr("ASIA1")
		if i%2 == 0 {
			r.Actor.Session = &struct {
				CreatedTime int64  `parquet:"created_time"`
				MFA         bool   `parquet:"mfa"`
				Issuer      string `parquet:"issuer"`
			}{1_699_999_000_000, true, "arn:aws:iam::111122223333:role/app"}
		}
		r.Source.IP, r.Agent.UserAgent = ptr("203.0.113.9"), "aws-cli/2"
		for k := range i % 3 {
			r.Resources = append(r.Resources, struct {
				UID        string `parquet:"uid"`
				AccountUID string `parquet:"account_uid"`
				Type       string `parquet:"type"`
			}{fmt.Sprintf("arn:aws:s3:::bucket-%d-%d", i, k), "111122223333", "AWS::S3::Bucket"})
		}
		r.Unmapped = map[string]string{"recipientAccountId": "111122223333", "eventType": "AwsApiCall",
			"requestParameters.instanceType": "p4d.24xlarge", "sessionCredentialFromConsole": "true"}
	}
	return rows
}

func rows11() []lake11 {
	var r lake11
	r.Metadata.UID, r.Metadata.Version, r.Metadata.Code = "event-11", "1.1.0", "AwsApiCall"
	r.TimeDT, r.Cloud.Region, r.Cloud.Account.UID, r.ClassUID = 1_700_000_000_000_000, "eu-west-1", "444455556666", 6003
	setAPI(&r.API, 1)
	u := &r.Actor.User
	u.Type, u.UID, u.UIDAlt, u.Account.UID = "AssumedRole", "arn:aws:sts::111122223333:assumed-role/app/i-1", "AROA:i-1", "111122223333"
	u.CredentialUID = "ASIA1"
	r.Actor.Session.CreatedTime, r.Actor.Session.Issuer = 1_699_999_000_000, "arn:aws:iam::111122223333:role/app"
	r.Source.IP = ptr("203.0.113.9")
	r.Resources = append(r.Resources, struct {
		UID   string `parquet:"uid"`
		Type  string `parquet:"type"`
		Owner struct {
			Account struct {
				UID string `parquet:"uid"`
			} `parquet:"account"`
		} `parquet:"owner"`
	}{UID: "arn:aws:s3:::b", Type: "AWS::S3::Bucket"})
	return []lake11{r}
}

func parquetOf[T any](t testing.TB, rows []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A seen is what a file gives.
type seen struct {
	records  []map[string]any
	events   []*Event
	offsets  []int64
	problems []Problem
	digests  int
	shape    string
	foreign  int
}

func (s *seen) sink(t testing.TB) *sink {
	return &sink{
		record: func(offset int64, raw []byte) error {
			var m map[string]any
			d := json.NewDecoder(bytes.NewReader(raw))
			d.UseNumber()
			if err := d.Decode(&m); err != nil {
				m = nil // a record that is handed on as it is found: whoever reads it says what is wrong
			}
			s.records, s.offsets = append(s.records, m), append(s.offsets, offset)
			s.events = append(s.events, eventOf(m))
			return nil
		},
		digest: func(int64, []byte) { s.digests++ },
		problem: func(offset int64, kind, detail string) {
			s.problems = append(s.problems, Problem{"", offset, kind, detail})
		},
	}
}

func seenInParquet(t testing.TB, data []byte) *seen {
	t.Helper()
	var s seen
	k := s.sink(t)
	if err := readParquet(bytes.NewReader(data), int64(len(data)), k); err != nil {
		t.Fatal(err)
	}
	s.shape, s.foreign = k.shape, k.foreign
	return &s
}

// Rows come back whole and in their order, however a writer packed them.
func TestParquetSecurityLakeRC2(t *testing.T) {
	rows := rowsRC2(500)
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd} {
		for _, version := range []int{1, 2} {
			for _, group := range []int64{1000, 7} {
				name := fmt.Sprintf("%s, pages of version %d, groups of %d rows", codec, version, group)
				s := seenInParquet(t, parquetOf(t, rows, parquet.Compression(codec), parquet.DataPageVersion(version),
					parquet.MaxRowsPerRowGroup(group), parquet.PageBufferSize(300)))
				if len(s.problems) > 0 || len(s.events) != len(rows) || s.shape != shapeOCSF {
					t.Fatalf("%s: %d events of %d, shape %s, %v", name, len(s.events), len(rows), s.shape, s.problems)
				}
				for i, e := range s.events {
					checkRC2(t, name, i, e)
					if s.offsets[i] != int64(i) {
						t.Fatalf("%s: row %d is said to be at %d", name, i, s.offsets[i])
					}
				}
			}
		}
	}
}

func checkRC2(t *testing.T, name string, i int, e *Event) {
	t.Helper()
	want := Identity{Type: "AssumedRole", PrincipalID: "AROA:i-1", ARN: "arn:aws:sts::111122223333:assumed-role/app/i-1",
		Account: "111122223333", AccessKey: "ASIA1", FromConsole: e.Identity.FromConsole}
	if i%2 == 0 {
		want.Created, want.MFA, want.IssuerType = "2023-11-14T21:56:40Z", true, "Role"
		want.IssuerPrincipal, want.IssuerARN = "AROA", "arn:aws:iam::111122223333:role/app"
	}
	if e.Identity != want {
		t.Fatalf("%s: row %d: identity\n%+v, not\n%+v", name, i, e.Identity, want)
	}
	if e.ID != fmt.Sprint("event-", i) || e.Time.Unix() != 1_700_000_000+int64(i) || e.Name != "RunInstances" || e.Region != "eu-west-1" ||
		e.Recipient != "111122223333" || e.SourceIP != "203.0.113.9" || e.UserAgent != "aws-cli/2" || e.RequestID != fmt.Sprint("request-", i) {
		t.Fatalf("%s: row %d: %+v", name, i, e)
	}
	if denied := i%3 == 0; denied != (e.Code == "Client.UnauthorizedOperation") || len(e.Resources) != i%3 {
		t.Fatalf("%s: row %d: code %q, resources %v", name, i, e.Code, e.Resources)
	}
	if i%3 == 2 && e.Resources[1] != (Resource{fmt.Sprintf("arn:aws:s3:::bucket-%d-1", i), "111122223333", "AWS::S3::Bucket"}) {
		t.Fatalf("%s: row %d: resources %v", name, i, e.Resources)
	}
	if fmt.Sprint(e.Request["instanceType"]) != "p4d.24xlarge" {
		t.Fatalf("%s: row %d: request %v", name, i, e.Request)
	}
}

func TestParquetSecurityLake11(t *testing.T) {
	s := seenInParquet(t, parquetOf(t, rows11()))
	if len(s.problems) > 0 || len(s.events) != 1 {
		t.Fatalf("%d events, %v", len(s.events), s.problems)
	}
	e := s.events[0]
	if e.ID != "event-11" || e.Time.Unix() != 1_700_000_000 || e.Recipient != "444455556666" || e.Identity.PrincipalID != "AROA:i-1" ||
		e.Identity.ARN != "arn:aws:sts::111122223333:assumed-role/app/i-1" || e.Identity.Created != "2023-11-14T21:56:40Z" ||
		e.Identity.IssuerARN != "arn:aws:iam::111122223333:role/app" || e.Type != "AwsApiCall" || len(e.Resources) != 1 ||
		fmt.Sprint(e.Request["number"]) != "1" {
		t.Errorf("%+v\n%s", e, s.records[0])
	}
}

// Rows that Athena or Lake wrote as Parquet: columns in lower case, objects as JSON or as what Presto writes.
func TestParquetAthena(t *testing.T) {
	type identity struct {
		Type string `parquet:"type"`
		ARN  string `parquet:"arn"`
	}
	type row struct {
		ID       string   `parquet:"eventid,delta"`
		Time     string   `parquet:"eventtime,dict"`
		Name     string   `parquet:"eventname,dict"`
		Source   string   `parquet:"eventsource,delta"`
		Identity identity `parquet:"useridentity"`
		Request  *string  `parquet:"requestparameters,optional"`
		ReadOnly string   `parquet:"readonly"`
	}
	var rows []row
	for i := range 300 {
		rows = append(rows, row{fmt.Sprint("id-", i), "2024-01-01T00:00:00Z", "CreateUser", "iam.amazonaws.com", identity{"IAMUser", "arn:aws:iam::1:user/u"}, ptr(`{"userName":"eve"}`), "false"})
	}
	s := seenInParquet(t, parquetOf(t, rows))
	if len(s.problems) > 0 || len(s.events) != 300 || s.shape != shapeLake {
		t.Fatalf("%d events, shape %s, %v", len(s.events), s.shape, s.problems)
	}
	if e := s.events[299]; e.ID != "id-299" || e.Identity.ARN != "arn:aws:iam::1:user/u" || e.Request["userName"] != "eve" || e.Source != "iam.amazonaws.com" {
		t.Errorf("%+v", e)
	}
	type whole struct {
		EventData string `parquet:"eventData"`
	}
	s = seenInParquet(t, parquetOf(t, []whole{{`{"eventID":"a","eventName":"b","eventSource":"c","eventTime":"2024-01-01T00:00:00Z"}`}}))
	if len(s.events) != 1 || s.events[0].ID != "a" {
		t.Errorf("a column that holds the record: %+v", s)
	}
}

// A file of other columns is no log; one that is cut or encrypted is named.
func TestParquetForeign(t *testing.T) {
	type row struct{ Price, Volume int64 }
	if s := seenInParquet(t, parquetOf(t, []row{{1, 2}})); s.shape != shapeForeign || len(s.events) > 0 {
		t.Errorf("%+v", s)
	}
	whole := parquetOf(t, rowsRC2(50))
	for _, data := range [][]byte{whole[:len(whole)-1], whole[:len(whole)/2], []byte("PAR1"), []byte("PAR1\xff\xff\xff\xffPAR1"),
		[]byte("PAR1\x0c\x00\x00\x00PARE"), append([]byte("PAR1\x19\xfc\xff\xff\xff\xff\x0f\x00"), "\x08\x00\x00\x00PAR1"...)} {
		if s := seenInParquet(t, data); len(s.problems) != 1 || len(s.events) > 0 {
			t.Errorf("%d bytes: %d events, %v", len(data), len(s.events), s.problems)
		}
	}
}

// A row group that is damaged costs its own rows.
func TestParquetDamagedGroup(t *testing.T) {
	data := parquetOf(t, rowsRC2(30), parquet.MaxRowsPerRowGroup(10), parquet.Compression(&parquet.Zstd))
	for i := range 400 {
		data[4+i] ^= 0xff
	}
	s := seenInParquet(t, data)
	if len(s.problems) == 0 || len(s.events) != 20 || s.events[0].ID != "event-10" || s.offsets[0] != 10 {
		t.Errorf("%d events, %v", len(s.events), s.problems)
	}
}

// Who takes the records may stop, and hears its own error.
func TestParquetStops(t *testing.T) {
	stop, n := errors.New("stop"), 0
	data := parquetOf(t, rowsRC2(10))
	err := readParquet(bytes.NewReader(data), int64(len(data)), &sink{
		record:  func(int64, []byte) error { n++; return stop },
		problem: func(_ int64, kind, detail string) { t.Error(kind, detail) },
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d records", err, n)
	}
}

// One megabyte said three hundred times over in the few bytes of a dictionary ends in a line.
func TestParquetBomb(t *testing.T) {
	type row struct {
		EventData string `parquet:"eventData,dict"`
	}
	big := `{"eventID":"a","eventName":"b","eventSource":"c","padding":"` + strings.Repeat("x", 1<<20) + `"}`
	rows := make([]row, 300)
	for i := range rows {
		rows[i].EventData = big
	}
	data := parquetOf(t, rows, parquet.Compression(&parquet.Zstd), parquet.SkipPageBounds("eventData"), parquet.SkipPageStatistics("eventData"))
	var n int
	var problems []string
	err := readParquet(bytes.NewReader(data), int64(len(data)), &sink{
		record:  func(int64, []byte) error { n++; return nil },
		problem: func(_ int64, kind, _ string) { problems = append(problems, kind) },
	})
	if err != nil || len(problems) != 1 || problems[0] != "too-large" || n == 0 || n > 100 || len(data) > 100_000 {
		t.Errorf("a file of %d bytes gives %d records, %v, %v", len(data), n, problems, err)
	}
}
