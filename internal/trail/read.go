package trail

// How a file becomes records.
//
//	format   tells from a file's first bytes (decompressed) how it is cut: JSON values, CSV, Parquet
//	unwrap   turns one JSON value that is no plain CloudTrail record into the records inside it
//	sink     takes the records, wherever they were
//
// A new shape that is JSON is a line in wrappers (shapes.go): it is asked about each element of a top-level array, of
// a list named in lists (Records, Events, …), and each value of a stream, whenever that value lacks a top-level
// eventID or eventVersion. A new shape that is not JSON is a line in formats. Neither looks at a file's name.

import "io"

// A sink takes what a file holds. Its methods are called by one goroutine.
type sink interface {
	// emit takes the JSON of one CloudTrail record, strings of a wrapper unescaped, found at offset of the
	// decompressed file. The bytes may be reused afterwards.
	emit(offset int64, record []byte)
	// problem names what could not be read.
	problem(offset int64, kind, detail string)
	// shape says what the file holds (delivery, lookup-events, …); the first one counts for Ingest.Shapes.
	shape(name string)
	// insight and digest count a record that is no event. The digest's bytes are kept for its chain.
	insight(offset int64, record []byte)
	digest(offset int64, record []byte)
}

// A format is a file that is no JSON.
type format struct {
	name string
	is   func(head []byte) bool // head: up to 64 KiB, decompressed
	read func(in io.Reader, out sink) error
}

// A wrapper is a JSON value that has CloudTrail records inside. unwrap answers false, having emitted nothing, where
// the value is not of its shape.
type wrapper struct {
	name   string
	unwrap func(offset int64, value []byte, out sink) bool
}

// lists are the top-level keys whose array holds one record, or one wrapper, an element: its elements are streamed,
// each at most maxRecord bytes.
var lists = []string{"Records", "Events", "events", "logEvents", "records", "QueryResultRows", "value"}
