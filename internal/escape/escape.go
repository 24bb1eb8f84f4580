// Package escape makes foreign text safe to look at. It exists apart because everything that shows text of an
// account or a log must agree on what nobody sees: reports, the terminal, and the files made of a trail.
package escape

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text writes out what steers a terminal, turns the direction of writing, is invisible or breaks a line (\x1b,
// \u202e, \n), as well as bytes that are not UTF-8 (\xff). Letters, marks and symbols of every script stay. It is
// for display: a backslash stays a backslash, so that escaping twice is harmless, and the exact value must stand
// elsewhere.
func Text(s string) string {
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
		case Hidden(r):
			b.WriteString(Spell(r))
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

// Spell writes a rune in letters: \n, \x1b, \u202e, \U000e0041.
func Spell(r rune) string {
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

// Hidden tells the runes that act on what shows them, or that nobody sees. The general category Cf holds the
// bidirectional controls, the zero-width characters and the tags; of it, only the Arabic and Syriac number
// signs are seen (Unicode Standard Annex #44, Prepended_Concatenation_Mark). Variation selectors and what is
// ignorable by default can carry bytes that nobody sees.
func Hidden(r rune) bool {
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

// JSON spells hidden runes in JSON text as \uXXXX, which no reader of JSON can tell from the rune itself, so that
// the text keeps its meaning and is safe to look at. White space between the values stays.
func JSON(data []byte) []byte {
	if !slices.ContainsFunc(data, func(b byte) bool { return b >= 0x7f }) {
		return data
	}
	var out bytes.Buffer
	out.Grow(len(data))
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case r < utf8.RuneSelf && r != 0x7f || !Hidden(r):
			out.Write(data[:n])
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
		data = data[n:]
	}
	return out.Bytes()
}
