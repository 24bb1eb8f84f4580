package escape

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"web-7 (prod), Größe 東京 עברית हिन्दी é 🙂 ₿ 1\u00a02", "web-7 (prod), Größe 東京 עברית हिन्दी é 🙂 ₿ 1\u00a02"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"\x1b]8;;http://evil\x07text\x1b]8;;\x07", `\x1b]8;;http://evil\x07text\x1b]8;;\x07`},
		{"a\nb\rc\td\x00\x7f", `a\nb\rc\td\x00\x7f`},
		{"\u009b31m \u0085", `\u009b31m \u0085`},
		{"\x9b31m\xff\xc3", `\x9b31m\xff\xc3`},
		{"\xed\xa0\x80", `\xed\xa0\x80`},
		{"invoice\u202efdp.exe", `invoice\u202efdp.exe`},
		{"\u2066a\u2069\u200e\u200f\u061c", `\u2066a\u2069\u200e\u200f\u061c`},
		{"ad\u200bmin\u200c\u200d\ufeff\u2060\u00ad", `ad\u200bmin\u200c\u200d\ufeff\u2060\u00ad`},
		{"a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"tag\U000e0041\U000e007f", `tag\U000e0041\U000e007f`},
		{"x\ufe00\U000e0100\u115f\u3164\u034f", `x\ufe00\U000e0100\u115f\u3164\u034f`},
		{"\ufffe\U0010ffff", `\ufffe\U0010ffff`},
		{"real replacement \ufffd", "real replacement \ufffd"},
		{"\u0600 stays, it is seen", "\u0600 stays, it is seen"},
		{`C:\x1b`, `C:\x1b`},
	} {
		if got := Text(c.in); got != c.want {
			t.Errorf("Text(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

// What is spelt is the same text to whoever parses it.
func TestJSON(t *testing.T) {
	for _, in := range []string{"", "plain", "\x00\x1b\x7f\u009b", "a\u202eb\u2028\ufeff", "tag\U000e0041 🙂", "<&>\"\\"} {
		data, err := json.MarshalIndent([]string{in}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		spelt := JSON(data)
		for _, r := range string(spelt) {
			if r != '\n' && Hidden(r) {
				t.Errorf("%q: %s holds %U", in, spelt, r)
			}
		}
		var back []string
		if err := json.Unmarshal(spelt, &back); err != nil || back[0] != in {
			t.Errorf("%q came back as %q (%v)", in, back, err)
		}
	}
	if got := string(JSON([]byte("{\n \"a\": 1}"))); !strings.Contains(got, "\n") {
		t.Errorf("the white space between values is gone: %s", got)
	}
}
