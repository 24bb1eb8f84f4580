package report

import (
	"strings"
	"testing"
	"unicode/utf8"

	"cordon/internal/escape"
)

func TestDefang(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"203.0.113.9", "203[.]0[.]113[.]9"},
		{"2001:db8::1", "2001[:]db8[:][:]1"},
		{"::ffff:1.2.3.4", "[:][:]ffff[:]1[.]2[.]3[.]4"},
		{"evil.example", "evil[.]example"},
		{"HTTPS://evil.example/a.exe?x=y.z", "HxxPS[:]//evil[.]example/a[.]exe?x=y[.]z"},
		{"ftp://evil.example", "fxp[:]//evil[.]example"},
		{"see http://evil.example. Then stop.", "see hxxp[:]//evil[.]example. Then stop."},
		{"_www.evil.example", "_www[.]evil[.]example"},
		{"javascript:alert(1)", "javascript[:]alert(1)"},
		{"mail a@evil.example", "mail a[@]evil[.]example"},
		{"evil\u3002example", "evil[\u3002]example"},
		{"evil\u200b.example\x1b", `evil\u200b[.]example\x1b`},
		{"CryptoCurrency:EC2/BitcoinTool.B", "CryptoCurrency:EC2/BitcoinTool[.]B"},
		{"bücher.example", "bücher[.]example"},
		{"web-7", "web-7"},
	} {
		got := Defang(c.in)
		if got != c.want {
			t.Errorf("Defang(%q) = %s, want %s", c.in, got, c.want)
		}
		if again := Defang(got); again != got {
			t.Errorf("Defang(Defang(%q)) = %s, want %s", c.in, again, got)
		}
	}
}

func TestShowDisarmsFormulas(t *testing.T) {
	for _, in := range []string{"=1+1", "+1", "-1", "@SUM(A1)", " =HYPERLINK()", "\u3000=1", "＝1", "＋1", "－1", "＠x", "=cmd|' /C calc'!A0"} {
		if got := show(in); !strings.HasPrefix(got, "'") {
			t.Errorf("show(%q) = %s, which a spreadsheet may take for a formula", in, got)
		}
	}
	if got := show("a=b"); got != "a=b" {
		t.Errorf("show(%q) = %s", "a=b", got)
	}
}

func TestEscapeMarkdown(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a|b", "a&#124;b"},
		{`a\|b`, `a\\&#124;b`},
		{"`x`", "\\`x\\`"},
		{"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"[x](javascript:1)", `\[x\](javascript:1)`},
		{"![x](u)", `!\[x\](u)`},
		{"&lt;b&gt;", "&amp;lt;b&amp;gt;"},
		{"# h", `\# h`},
		{"- li", `\- li`},
		{"1. li", `1\. li`},
		{"12) li", `12\) li`},
		{"1.2.3", `1\.2.3`},
		{"    code", "&#32;   code"},
		{"*a* _b_ ~c~ $d$ ^e^", `\*a\* \_b\_ \~c\~ \$d\$ \^e\^`},
		{"{{7*7}} {%x%}", `\{\{7\*7\}\} \{\%x\%\}`},
		{"@team", `\[@\]team`},
		{"\x1b\n", `\\x1b\\n`},
	} {
		if got := escapeMarkdown(c.in); got != c.want {
			t.Errorf("escapeMarkdown(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func addHostile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
}

func FuzzEscape(f *testing.F) {
	addHostile(f)
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Escape(%q) is not UTF-8", s)
		}
		if i := strings.IndexFunc(got, escape.Hidden); i >= 0 {
			t.Fatalf("Escape(%q) keeps a hidden rune at byte %d", s, i)
		}
		if again := Escape(got); again != got {
			t.Fatalf("Escape(Escape(%q)) = %q, want %q", s, again, got)
		}
		fanged := Defang(s)
		if again := Defang(fanged); again != fanged {
			t.Fatalf("Defang(Defang(%q)) = %q, want %q", s, again, fanged)
		}
		if webScheme.MatchString(fanged) || strings.IndexFunc(fanged, escape.Hidden) >= 0 {
			t.Fatalf("Defang(%q) = %q", s, fanged)
		}
	})
}

func FuzzEscapeMarkdown(f *testing.F) {
	addHostile(f)
	f.Fuzz(func(t *testing.T, s string) {
		got := escapeMarkdown(s)
		// Take away what is escaped; nothing that Markdown reads may be left.
		left := strings.NewReplacer("&#124;", "", "&lt;", "", "&gt;", "", "&amp;", "", "&#32;", "").Replace(unbackslash(got))
		if strings.ContainsAny(left, "|<>&`*_[]{}~$^%@\n\r\t\x00") {
			t.Fatalf("escapeMarkdown(%q) = %q leaves %q", s, got, left)
		}
		if strings.HasSuffix(unbackslash(got), `\`) {
			t.Fatalf("escapeMarkdown(%q) = %q escapes what comes after it", s, got)
		}
	})
}

// unbackslash takes out every backslash with the character that it escapes, and every bracketed @.
func unbackslash(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\[@\]`) {
			i += len(`\[@\]`) - 1
			continue
		}
		if s[i] == '\\' && i+1 < len(s) {
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
