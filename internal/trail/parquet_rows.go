package trail

import (
	"strings"
	"time"
)

// How often a column stands in its parent.
const (
	parquetRequired = iota
	parquetOptional
	parquetRepeated
)

// A parquetNode is a column or a group of them. level and repeats are the definition and repetition levels at which
// it is there: github.com/apache/parquet-format, README.md, "Nested Encoding".
type parquetNode struct {
	name, path     string
	children       []*parquetNode
	leaves         []*parquetNode // below it, itself for a column; in the order of a row group's chunks
	repetition     int64
	level, repeats int
	index          int // of its first leaf
	isMap, isList  bool
	kind           int64 // physical type
	width          int   // bytes of a fixed-length value
	unit           time.Duration
}

const maxParquetColumns = 10_000

// parquetSchema makes a tree of the schema's list, which is one depth first.
func parquetSchema(elements []any) (*parquetNode, error) {
	if len(elements) == 0 || len(elements) > maxParquetColumns {
		return nil, badParquet("%d columns", len(elements))
	}
	b := schemaBuilder{elements: elements}
	root, err := b.node(nil, 0)
	if err != nil {
		return nil, err
	}
	if len(b.elements) > 0 || len(root.children) == 0 {
		return nil, badParquet("the groups do not add up")
	}
	return root, nil
}

type schemaBuilder struct {
	elements []any
	leaves   int
}

func (b *schemaBuilder) node(parent *parquetNode, depth int) (*parquetNode, error) {
	if len(b.elements) == 0 || depth > maxThriftDepth {
		return nil, badParquet("the groups do not add up, or are nested more than %d deep", maxThriftDepth)
	}
	e, _ := b.elements[0].(thriftStruct)
	b.elements = b.elements[1:]
	n := &parquetNode{name: e.text(4), repetition: e.int(3), index: b.leaves, kind: e.int(1), width: int(min(max(e.int(2), 0), maxPage)), unit: parquetUnit(e)}
	logical := e.inner(10)
	n.isMap = logical.has(2) || e.has(6) && (e.int(6) == 1 || e.int(6) == 2)
	n.isList = logical.has(3) || e.has(6) && e.int(6) == 3
	if parent != nil {
		n.path = strings.TrimPrefix(parent.path+"."+n.name, ".")
		n.level, n.repeats = parent.level, parent.repeats
		switch n.repetition {
		case parquetOptional:
			n.level++
		case parquetRepeated:
			n.level++
			n.repeats++
		}
	}
	if !e.has(5) || e.has(1) {
		b.leaves++
		n.leaves = []*parquetNode{n}
		return n, nil
	}
	for range e.int(5) {
		c, err := b.node(n, depth+1)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, c)
		n.leaves = append(n.leaves, c.leaves...)
	}
	if len(n.leaves) == 0 {
		return nil, badParquet("a group without columns")
	}
	return n, nil
}

// parquetUnit gives what an integer counts where it is a time since 1970: of the logical type, or the older name.
func parquetUnit(e thriftStruct) time.Duration {
	unit := e.inner(10).inner(8).inner(2)
	switch {
	case unit.has(1), e.int(6) == 9:
		return time.Millisecond
	case unit.has(2), e.int(6) == 10:
		return time.Microsecond
	case unit.has(3):
		return time.Nanosecond
	}
	return 0
}

// A parquetCell is one value of a column with its levels.
type parquetCell struct {
	repeats, level int
	value          any
}

// assemble reads the next row; nil where it was too large, which is named.
func (p *parquetReader) assemble(root *parquetNode, columns []*parquetColumn) (map[string]any, error) {
	a := assembler{columns: columns}
	size, n := 0, 0
	for _, c := range columns {
		c.cells, c.at = c.cells[:0], 0
		for {
			cell, err := c.next()
			if err != nil {
				return nil, err
			}
			if n++; n <= maxRowCells && size <= maxShapeRecord {
				c.cells = append(c.cells, cell)
				if t, ok := cell.value.(string); ok {
					size += len(t)
				}
			}
			if more, err := c.more(); err != nil {
				return nil, err
			} else if !more {
				break
			}
		}
	}
	if n > maxRowCells || size > maxShapeRecord {
		p.sink.trouble(p.row, "too-large", "a row that is too large")
		return nil, nil
	}
	row, err := a.group(root)
	m, _ := row.(map[string]any)
	return m, err
}

// An assembler puts a row together of the cells of its columns.
type assembler struct{ columns []*parquetColumn }

// cell looks at the next cell of a node's first column.
func (a *assembler) cell(n *parquetNode) (parquetCell, error) {
	c := a.columns[n.index]
	if c.at >= len(c.cells) {
		return parquetCell{}, badParquet("column %s: the levels of a row do not add up", clip(n.path))
	}
	return c.cells[c.at], nil
}

func (a *assembler) value(n *parquetNode) (any, error) {
	first, err := a.cell(n)
	if err != nil {
		return nil, err
	}
	if n.repetition != parquetRequired && first.level < n.level {
		return nil, a.absent(n)
	}
	if n.repetition != parquetRepeated {
		return a.one(n)
	}
	list := []any{}
	for {
		v, err := a.one(n)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		c := a.columns[n.index]
		if c.at >= len(c.cells) || c.cells[c.at].repeats < n.repeats {
			return list, nil
		}
	}
}

// absent goes past what stands in each column for a node that is not there.
func (a *assembler) absent(n *parquetNode) error {
	for _, leaf := range n.leaves {
		if _, err := a.cell(leaf); err != nil {
			return err
		}
		a.columns[leaf.index].at++
	}
	return nil
}

func (a *assembler) one(n *parquetNode) (any, error) {
	if len(n.children) > 0 {
		return a.group(n)
	}
	c, err := a.cell(n)
	a.columns[n.index].at++
	return c.value, err
}

func (a *assembler) group(n *parquetNode) (any, error) {
	m := make(map[string]any, len(n.children))
	for _, c := range n.children {
		v, err := a.value(c)
		if err != nil {
			return nil, err
		}
		if _, twice := m[c.name]; twice {
			return nil, badParquet("column %s twice", clip(c.path))
		}
		m[c.name] = v
	}
	if len(n.children) != 1 || n.children[0].repetition != parquetRepeated {
		return m, nil
	}
	list, _ := m[n.children[0].name].([]any)
	if list == nil {
		list = []any{}
	}
	switch {
	case n.isMap:
		return pairs(list), nil
	case n.isList:
		return elements(n.children[0], list), nil
	}
	return m, nil
}

// elements takes the name off that a list's elements have: list.element, bag.array_element, list.item. Where the
// repeated group has several members it is the element itself (parquet-format, LogicalTypes.md, "Lists").
func elements(repeated *parquetNode, list []any) []any {
	if len(repeated.children) != 1 || repeated.name == "array" {
		return list
	}
	for i := range list {
		m, _ := list[i].(map[string]any)
		list[i] = m[repeated.children[0].name]
	}
	return list
}
