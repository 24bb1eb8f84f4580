package report

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"cordon/internal/escape"
)

// Escape makes text safe to look at, as escape.Text does. The exact value stands in report.json.
func Escape(s string) string { return escape.Text(s) }

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

// unlinkSchemes looks first whether there is anything to look for: a page of thousands of steps has a hundred thousand
// texts, and expressions are slow.
func unlinkSchemes(s string) string {
	if strings.Contains(s, ":/") {
		s = webScheme.ReplaceAllStringFunc(s, func(m string) string {
			if m[0] == 'f' || m[0] == 'F' {
				return "fx" + m[2:]
			}
			return m[:1] + "xx" + m[3:]
		})
	}
	if strings.Contains(s, ":") {
		s = actScheme.ReplaceAllString(s, "$1[:]")
	}
	if strings.ContainsAny(s, "wW") && strings.Contains(s, ".") {
		s = webHost.ReplaceAllString(s, "$1[.]")
	}
	return s
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
