package trail

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestByGravity(t *testing.T) {
	d := &Document{Resources: []ScopeResource{
		{ID: "tried", Outcome: "attempted", Access: []Access{Execute}, Secret: true},
		{ID: "listed", Outcome: "accessed", Access: []Access{List}},
		{ID: "somehow", Outcome: "accessed"},
		{ID: "read", Outcome: "accessed", Access: []Access{List, ReadData}},
		{ID: "secret", Outcome: "accessed", Access: []Access{ReadData}, Secret: true},
		{ID: "run", Outcome: "accessed", Access: []Access{ReadConfig, Execute}},
	}}
	var ids []string
	for _, r := range d.ByGravity() {
		ids = append(ids, r.ID)
	}
	if got, want := strings.Join(ids, " "), "secret run read listed somehow tried"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if d.Resources[0].ID != "tried" {
		t.Error("the document itself was sorted")
	}
}

func TestLives(t *testing.T) {
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		until, revoked string
		want           bool
	}{
		{"until revoked", "", true}, {"2024-05-01T10:00:01Z", "", true}, {"2024-05-01T10:00:00Z", "", false}, {"", "", false},
		{"until revoked", "2024-05-01T09:00:00Z", false}, {"not a time", "", true},
	} {
		i := ScopeIdentity{LiveUntil: x.until, RevokedAt: x.revoked}
		if got := i.Lives(now); got != x.want {
			t.Errorf("until %q, revoked %q: %v", x.until, x.revoked, got)
		}
	}
}

func TestMissingHours(t *testing.T) {
	cell := func(region, from, until, state string, events int) CoverageCell {
		return CoverageCell{Account: "1", Region: region, Category: "Management", From: from, Until: until, State: state, Events: events}
	}
	c := Coverage{Cells: []CoverageCell{
		cell("a", "2024-05-01T00:00:00Z", "2024-05-01T10:00:00Z", "logged", 9),
		cell("b", "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z", "unknown", 3),
		cell("b", "2024-05-02T00:00:00Z", "2024-05-02T02:00:00Z", "logged", 9),
		cell("c", "2024-05-01T00:00:00Z", "2024-05-01T01:00:00Z", "gap", 0),
		cell("c", "2024-05-01T01:00:00Z", "2024-05-01T03:00:00Z", "unknown", 0),
	}}
	want := []CoverageHours{
		{Account: "1", Region: "c", Category: "Management", Gap: 1, Unknown: 2},
		{Account: "1", Region: "b", Category: "Management", Logged: 2, Unknown: 24, AtMost: true},
	}
	if got := c.Missing(); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestNear(t *testing.T) {
	d := &Document{Coverage: Coverage{Cells: []CoverageCell{{Account: "111122223333"}, {Account: "444455556666"}}, Gaps: []CoverageGap{{Account: "444455556666"}},
		Claims: []string{"objects in account 111122223333: unknown", "objects in account 444455556666: unknown", "nothing can be said"}}}
	if n := d.Near(); len(n.Cells) != 2 || len(n.Gaps) != 1 || len(n.Claims) != 3 {
		t.Errorf("nobody was seen, and not everything is near: %+v", n)
	}
	d.Summary.Accounts = []string{"111122223333"}
	if n := d.Near(); len(n.Cells) != 1 || len(n.Gaps) != 0 || !slices.Equal(n.Claims, []string{d.Coverage.Claims[0], d.Coverage.Claims[2]}) {
		t.Errorf("%+v", n)
	}
}
