package action

import (
	"cmp"
	"context"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Op is one API operation: the SDK's package and the operation's name, e.g. ec2 DescribeInstances.
type Op struct {
	Service string
	Name    string
}

func (o Op) String() string { return o.Service + ":" + o.Name }

// Ops is a set of operations.
type Ops []Op

// op names an operation by its client method, so that a misspelt one does not compile.
func op[C, I, O, F any](func(*C, context.Context, *I, ...func(*F)) (*O, error)) Op {
	return Op{
		Service: path.Base(reflect.TypeFor[C]().PkgPath()),
		Name:    strings.TrimSuffix(reflect.TypeFor[I]().Name(), "Input"),
	}
}

// Call is op for the packages that declare what they look at themselves.
func Call[C, I, O, F any](method func(*C, context.Context, *I, ...func(*F)) (*O, error)) Op {
	return op(method)
}

// opOf names the operation an input belongs to; ok is false for anything that is no SDK input.
func opOf(input any) (o Op, ok bool) {
	t := reflect.TypeOf(input)
	if t == nil || t.Kind() != reflect.Pointer {
		return Op{}, false
	}
	name, found := strings.CutSuffix(t.Elem().Name(), "Input")
	return Op{Service: path.Base(t.Elem().PkgPath()), Name: name}, found
}

// Has tells whether the set holds an operation.
func (o Ops) Has(x Op) bool { return slices.Contains(o, x) }

// Plus returns the sorted union of sets.
func (o Ops) Plus(more ...Ops) Ops {
	all := slices.Clone(o)
	for _, m := range more {
		all = append(all, m...)
	}
	slices.SortFunc(all, func(a, b Op) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name)) })
	return slices.Compact(all)
}

// Strings lists the operations as "service:Operation".
func (o Ops) Strings() []string {
	names := make([]string, 0, len(o))
	for _, x := range o {
		names = append(names, x.String())
	}
	return names
}
