package main

import (
	"slices"
	"strings"
)

// carried are the flags that a command shown to be typed next needs as much as the one that shows it: where cases live,
// who one is, how AWS is reached.
var carried = []string{
	"cases", "key-file", "person", "profile", "region", "role-arn", "external-id", "management-profile", "endpoint-url", "approvers",
}

// next is a command line to be typed next, whole: with the flags of this one that it needs too.
func (a *app) next(command string, args ...string) string {
	words := append([]string{"cordon", command}, args...)
	if a.typed == nil {
		return strings.Join(words, " ")
	}
	// Steps that run side by side end with such a line too, and looking flags up changes what cobra keeps of them.
	a.naming.Lock()
	defer a.naming.Unlock()
	other, _, err := a.typed.Root().Find([]string{command})
	if err != nil {
		return strings.Join(words, " ")
	}
	has := func(name string) bool {
		return other.Flags().Lookup(name) != nil || other.InheritedFlags().Lookup(name) != nil
	}
	for _, name := range carried {
		if has(name) {
			words = append(words, a.asTyped(name)...)
		}
	}
	return strings.Join(words, " ")
}

// asTyped are the flags among these that this command line has, as they are typed.
func (a *app) asTyped(names ...string) (words []string) {
	if a.typed == nil {
		return nil
	}
	for _, name := range names {
		if f := a.typed.Flags().Lookup(name); f != nil && f.Changed {
			words = append(words, flagWords(name, f.Value)...)
		}
	}
	return words
}

// again is this command line with more to it, instead of what it says of the same flags.
func (a *app) again(more []string) string {
	if a.typed == nil {
		return "cordon … " + strings.Join(more, " ")
	}
	words := []string{"cordon", a.typed.Name()}
	for _, arg := range a.typed.Flags().Args() {
		words = append(words, quoted(arg))
	}
	names := slices.Clone(carried)
	for _, g := range flagGroups {
		names = append(names, g.flags...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !slices.Contains(more, "--"+name) {
			words = append(words, a.asTyped(name)...)
		}
	}
	return strings.Join(append(words, more...), " ")
}

// value is a flag's.
type value interface {
	String() string
	Type() string
}

// flagWords is a flag as it is typed.
func flagWords(name string, v value) []string {
	if v.Type() == "bool" && v.String() == "true" {
		return []string{"--" + name}
	}
	if v.Type() == "bool" {
		return []string{"--" + name + "=" + v.String()}
	}
	values := []string{v.String()}
	if many, ok := v.(interface{ GetSlice() []string }); ok {
		values = many.GetSlice()
	}
	var words []string
	for _, one := range values {
		words = append(words, "--"+name, quoted(one))
	}
	return words
}

// caseArg names a case as this command line named it: by its id, or by where its folder is.
func (a *app) caseArg(id string) string {
	if a.casePath != "" {
		return quoted(a.casePath)
	}
	return quoted(id)
}
