package action

import (
	"maps"
	"testing"
)

// What others did to some of a user's keys is left and told, and does not keep the rest off.
func TestKeysAreReleasedApart(t *testing.T) {
	k := credentialKind{one: "key"}
	of := func(status ...string) userCredentials {
		u := userCredentials{Status: map[string]string{}}
		for i := 0; i < len(status); i += 2 {
			u.Status[status[i]] = status[i+1]
		}
		return u
	}
	const on, off = "Active", "Inactive"
	for name, c := range map[string]struct {
		before, after, now, want userCredentials
		theirs                   string
	}{
		"as cordon left it":   {of("a", on, "b", off), of("a", off, "b", off), of("a", off, "b", off), of("a", on, "b", off), ""},
		"half way back":       {of("a", on, "b", on), of("a", off, "b", off), of("a", on, "b", off), of("a", on, "b", on), ""},
		"gone":                {of("a", on, "b", on), of("a", off, "b", off), of("b", off), of("b", on), "key a is gone, and does not come back"},
		"gone before the end": {of("a", on, "b", on), of("b", off), of("b", off), of("b", on), "key a is gone, and does not come back"},
		"all gone":            {of("a", on), of("a", off), of(), of(), "key a is gone, and does not come back"},
		"made since":          {of("a", on), of("a", off), of("a", off, "c", on), of("a", on, "c", on), "key c was made since, and stays Active"},
		"made meanwhile":      {of("a", on), of("a", off, "c", off), of("a", off, "c", off), of("a", on, "c", off), "key c was made during containment, and stays Inactive"},
		"switched on":         {of("a", on, "b", off), of("a", off, "b", off), of("a", off, "b", on), of("a", on, "b", on), "key b was made Active since, and stays so"},
		"expired":             {of("a", on), of("a", off), of("a", "Expired"), of("a", "Expired"), "key a was made Expired since, and stays so"},
		"rotated, both parts": {of("a", on), of("a", off), of("c", on), of("c", on), "key a is gone, and does not come back; key c was made since, and stays Active"},
	} {
		want, theirs := k.apart(c.before, c.after, c.now)
		if !maps.Equal(want.Status, c.want.Status) || theirs != c.theirs {
			t.Errorf("%s: wants %v, %q; want %v, %q", name, want.Status, theirs, c.want.Status, c.theirs)
		}
	}
}
