package report

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes text safe to look at: what steers a terminal, turns the direction of writing, is invisible or
// breaks a line is written out (\x1b, \u202e, \n), as are bytes that are not UTF-8 (\xff). Letters, marks and
// symbols of every script stay. It is for display: a backslash stays a backslash, so that escaping twice is
// harmless, and the exact value stands in report.json.
func Escape(s string) string {
	if plainASCII(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r):
			b.WriteString(spell(r))
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func spell(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// hidden tells the runes that act on what shows them, or that nobody sees. The general category Cf holds the
// bidirectional controls, the zero-width characters and the tags; of it, only the Arabic and Syriac number
// signs are seen (Unicode Standard Annex #44, Prepended_Concatenation_Mark). Variation selectors and what is
// ignorable by default can carry bytes that nobody sees.
func hidden(r rune) bool {
	switch {
	case r < ' ' || 0x7f <= r && r < 0xa0:
		return true
	case r < 0xa0:
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	}
	noncharacter := r&0xfffe == 0xfffe || 0xfdd0 <= r && r <= 0xfdef
	return noncharacter || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Defang writes an address, a name or prose with addresses in it so that nothing makes a link of it and nobody
// goes there by mistake: hxxp[://]evil[.]example, 2001[:]db8[:][:]1. The result is escaped. Defanging twice
// changes nothing more.
func Defang(s string) string {
	s = Escape(s)
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return strings.ReplaceAll(strings.ReplaceAll(s, ":", "[:]"), ".", "[.]")
	}
	s = unlinkSchemes(s)
	var b strings.Builder
	rs := []rune(s)
	for i, r := range rs {
		inside := i > 0 && i+1 < len(rs) && joins(rs[i-1]) && joins(rs[i+1])
		switch {
		case inside && isDot(r), inside && r == '@':
			b.WriteString("[" + string(r) + "]")
		case r == ':' && (i == 0 || rs[i-1] != '[') && strings.HasPrefix(string(rs[i:min(i+3, len(rs))]), "://"):
			b.WriteString("[:]")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func joins(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '-' || r == '_'
}

// isDot tells the full stops that separate the labels of a host name (Unicode Technical Standard #46, 2.3).
func isDot(r rune) bool { return r == '.' || r == '\u3002' || r == '\uff0e' || r == '\uff61' }

// webScheme is what viewers of pages and Markdown make links of by themselves; actScheme is what acts when it
// is followed.
var (
	webScheme = regexp.MustCompile(`(?i)(ht|f)tps?:/`)
	actScheme = regexp.MustCompile(`(?i)\b(javascript|vbscript|data|file|mailto|tel|xmpp)(:)`)
	webHost   = regexp.MustCompile(`(?i)(www)\.`)
)

func unlinkSchemes(s string) string {
	s = webScheme.ReplaceAllStringFunc(s, func(m string) string {
		if m[0] == 'f' || m[0] == 'F' {
			return "fx" + m[2:]
		}
		return m[:1] + "xx" + m[3:]
	})
	s = actScheme.ReplaceAllString(s, "$1[:]")
	return webHost.ReplaceAllString(s, "$1[.]")
}

// show is what every text of a page or of Markdown goes through. A cell that a spreadsheet would take for a
// formula when a table is pasted into one gets an apostrophe in front.
func show(s string) string {
	s = unlinkSchemes(Escape(s))
	if strings.IndexFunc(strings.TrimLeftFunc(s, unicode.IsSpace), startsFormula) == 0 {
		return "'" + s
	}
	return s
}

func startsFormula(r rune) bool { return strings.ContainsRune("=+-@＝＋－＠", r) }
