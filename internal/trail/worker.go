package trail

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
)

// A worker reads files, one after another, into the store. What it meets again and again, it looks up in caches of its
// own, since the tables are shared.
type worker struct {
	*reading
	identities cache[knownIdentity] // by userIdentity
	kinds      cache[seenText]      // by the members that make a Kind
	places     cache[seenText]
	clients    cache[seenText]
	codes      cache[knownCode]
	seed       maphash.Seed
	lately     lately
	key        []byte // what is looked up
	sum        summer

	chunk   *chunk
	number  uint32 // of chunk
	block   *block // of the index being written
	in      *input
	facts   facts
	current one
}

type knownIdentity struct {
	number  uint32
	console bool
	value   *Identity
	account string
}

// seenText is a kind, place or client and its name, region or address.
type seenText struct {
	number uint32
	text   string
}

type knownCode struct {
	number  uint32
	outcome Outcome
}

// A cache holds what was met lately: at most two generations of maxCached values. Where every call has a key of its
// own, holding them all would cost more than the log does. It goes by a keyed hash alone: to keep and compare the bytes
// would cost more than all else that is done with a record, and among a million values two share a hash once in
// 30 million logs.
type cache[V any] struct{ young, old map[uint64]V }

const maxCached = 16 << 10

func (c *cache[V]) get(key uint64) (V, bool) {
	v, ok := c.young[key]
	if ok {
		return v, true
	}
	if v, ok = c.old[key]; ok {
		c.put(key, v)
	}
	return v, ok
}

func (c *cache[V]) put(key uint64, v V) V {
	if len(c.young) >= maxCached || c.young == nil {
		c.young, c.old = make(map[uint64]V, len(c.young)), c.young
	}
	c.young[key] = v
	return v
}

// take puts one record into the store: by the fast reader, or where that finds it odd, by the strict one.
func (w *worker) take(offset int64, raw []byte) error {
	n, err := w.facts.scan(raw, &w.lately)
	if err == nil && n == len(raw) {
		if err = w.fast(offset, raw); err == nil {
			return nil
		}
		if err != errOdd {
			return err
		}
	}
	return w.strict(offset, raw)
}

// fast makes a rec of w.facts, which were found in raw.
func (w *worker) fast(offset int64, raw []byte) error {
	f := &w.facts
	for i := range mUser {
		v, err := plain(f[i])
		if err != nil {
			return err
		}
		f[i] = v
	}
	who, err := w.who(f[mUser], string(f[mConsole]) == "true")
	if err != nil {
		return err
	}
	r := rec{file: w.current.file}
	size, crc := w.sum.of(raw)
	r.setWhere(whereOf(offset, size))
	r.crc = crc
	r.Identity = who.number
	if r.Time, err = seconds1970(f[mTime]); err != nil {
		return err
	}
	kind, err := w.kind(f)
	if err != nil {
		return err
	}
	if len(f[mRecipient]) == 0 {
		f[mRecipient] = []byte(who.account)
	}
	place, err := w.pair(&w.places, f[mRegion], f[mRecipient], func(a, b string) uint32 { return w.t.addPlace(Place{a, b}) })
	if err != nil {
		return err
	}
	client, err := w.pair(&w.clients, f[mIP], f[mAgent], func(a, b string) uint32 { return w.t.addClient(Client{a, b}) })
	if err != nil {
		return err
	}
	r.Kind, r.Place, r.Client = kind.number, place.number, client.number
	if err := w.outcome(f, &r); err != nil {
		return err
	}
	if who.value.FromConsole {
		r.Flags |= FlagConsole
	}
	for _, v := range [...][]byte{f[mRequest], f[mResponse]} {
		if mayBeOmitted(v) {
			return errOdd // rare, and what it is takes a whole look
		}
	}
	var keys []string
	if r.Flags&(FlagDenied|FlagFailed) == 0 && indexKeyName(f[mResponse]) >= 0 {
		if keys, err = w.keysOf(f[mResponse]); err != nil {
			return err
		}
	}
	var isUUID bool
	if r.id, isUUID = uuid(f[mID]); !isUUID && !clean(f[mID]) || len(f[mShared]) > 0 && !clean(f[mShared]) {
		return errOdd
	}
	r.Flags |= oddIDFlag(isUUID)
	return w.add(&r, f[mID], f[mShared], keys, about{who.value, client.text, kind.text}, raw)
}

// mayBeOmitted says that v may be what stands in the place of an object that was left out as too large: omitted,
// originalSize and reason, in whatever order.
func mayBeOmitted(v []byte) bool {
	if len(v) < len(omittedName) || len(v) > 512 || v[0] != '{' {
		return false
	}
	i := skipSpace(v, 1)
	return i+1 < len(v) && (v[i+1] == 'o' || v[i+1] == 'r') && bytes.Contains(v, omittedName)
}

var omittedName, keyName = []byte(`"omitted"`), []byte(`ccessKeyId"`)

// indexKeyName finds a key's name in whatever case, as keysIn does; -1 where there is none.
func indexKeyName(v []byte) int {
	n := len(keyName) - 1
	for i := 0; ; i++ {
		next := bytes.IndexByte(v[i:], '"')
		if next < 0 {
			return -1
		}
		if i += next; i >= n && bytes.EqualFold(v[i-n:i], keyName[:n]) {
			return i - n
		}
	}
}

// keysOf gives the access keys that a response hands out, as keysIn does: mostly one, where STS and IAM put it.
func (w *worker) keysOf(response []byte) ([]string, error) {
	if key := onlyKey(response); key != nil {
		return []string{string(key)}, nil
	}
	m, err := strictMap(response)
	if err != nil {
		return nil, errOdd
	}
	return keysIn(m), nil
}

var keyGivers = [][]byte{[]byte(`{"credentials":{"accessKeyId":"`), []byte(`{"accessKey":{`)}

// onlyKey gives the access key of a response that begins as STS's and IAM's do and names one key alone.
func onlyKey(response []byte) []byte {
	if !slices.ContainsFunc(keyGivers, func(begins []byte) bool { return bytes.HasPrefix(response, begins) }) {
		return nil
	}
	at := indexKeyName(response)
	if !bytes.HasSuffix(response[:at], []byte(`"a`)) {
		return nil // a longer name that ends so is no key's
	}
	rest := response[at+len(keyName):]
	if bytes.IndexByte(response[1:at], '}') >= 0 || !bytes.HasPrefix(rest, []byte(`:"`)) || indexKeyName(rest) >= 0 {
		return nil
	}
	rest = rest[2:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !plausibleKey(string(rest[:end])) {
		return nil
	}
	return rest[:end]
}

// who gives the identity of the record that was scanned.
func (w *worker) who(raw []byte, console bool) (knownIdentity, error) {
	if found := w.lately.found; found != nil && found.known.console == console {
		return found.known, nil
	}
	known, err := w.identity(raw, console)
	if err == nil {
		w.lately.put(raw, known)
	}
	return known, err
}

// identity gives the number of what a userIdentity says.
func (w *worker) identity(raw []byte, console bool) (knownIdentity, error) {
	key := maphash.Bytes(w.seed, raw) + uint64(flag(console, 1))
	if known, ok := w.identities.get(key); ok && known.console == console {
		return known, nil
	}
	var id Identity
	if len(raw) > 0 && string(raw) != "null" {
		if err := scanIdentity(raw, &id); err != nil {
			return knownIdentity{}, err
		}
	}
	id.FromConsole = console
	if !id.clean() {
		return knownIdentity{}, errOdd
	}
	n := w.t.addIdentity(&id) // before its texts are used: until then they lie in raw
	return w.identities.put(key, knownIdentity{n, console, &id, id.Account}), nil
}

// clean says that every text may be kept as it is written.
func (id *Identity) clean() bool {
	for _, s := range identityTexts(id) {
		if !clean(*s) {
			return false
		}
	}
	return true
}

// tooLong says that a text is longer than may be kept for every event.
func (id *Identity) tooLong() bool {
	for _, s := range identityTexts(id) {
		if len(*s) > maxText {
			return true
		}
	}
	return false
}

func (w *worker) kind(f *facts) (seenText, error) {
	w.key = w.key[:0]
	members := [...]int{mName, mSource, mType, mCategory, mManagement, mReadOnly}
	for _, m := range members {
		w.key = append(append(w.key, f[m]...), 0)
	}
	key := maphash.Bytes(w.seed, w.key)
	if n, ok := w.kinds.get(key); ok {
		return n, nil
	}
	for _, m := range members {
		if !clean(f[m]) { // a zero byte within would make two records one key
			return seenText{}, errOdd
		}
	}
	name, source := plainName(string(f[mName])), string(f[mSource])
	k := Kind{Name: name, Source: source, Type: string(f[mType]), ReadOnly: string(f[mReadOnly]) == "true",
		Category: categoryOf(string(f[mCategory]), string(f[mManagement]), name, source)}
	return w.kinds.put(key, seenText{w.t.addKind(k), name}), nil
}

func (w *worker) pair(c *cache[seenText], a, b []byte, add func(a, b string) uint32) (seenText, error) {
	w.key = append(append(append(w.key[:0], a...), 0), b...)
	key := maphash.Bytes(w.seed, w.key)
	if n, ok := c.get(key); ok {
		return n, nil
	}
	if !clean(a) || !clean(b) {
		return seenText{}, errOdd
	}
	text := string(a)
	return c.put(key, seenText{add(text, string(b)), text}), nil
}

// outcome sets how the call ended.
func (w *worker) outcome(f *facts, r *rec) error {
	code, outcome := knownCode{number: w.noCode}, Success
	switch {
	case len(f[mCode]) > 0:
		var ok bool
		key := maphash.Bytes(w.seed, f[mCode])
		if code, ok = w.codes.get(key); !ok {
			if !clean(f[mCode]) {
				return errOdd
			}
			text, out := outcomeOf(string(f[mCode]), false, "", nil)
			code = w.codes.put(key, knownCode{w.code(text), out})
		}
		outcome = code.outcome
	case string(f[mName]) == "ConsoleLogin" || partial[string(f[mName])]:
		var response map[string]any
		if len(f[mResponse]) > 0 && f[mResponse][0] == '{' {
			var err error
			if response, err = strictMap(f[mResponse]); err != nil {
				return errOdd
			}
		}
		text, out := outcomeOf("", len(f[mMessage]) > 0, string(f[mName]), response)
		code.number, outcome = w.code(text), out
	case len(f[mMessage]) > 0:
		outcome = Failed
	}
	r.Code = uint16(code.number)
	r.Flags |= outcomeFlag(outcome)
	return nil
}

func oddIDFlag(isUUID bool) uint16 {
	if isUUID {
		return 0
	}
	return flagOddID
}

func outcomeFlag(o Outcome) uint16 {
	switch o {
	case Denied:
		return FlagDenied
	case Failed:
		return FlagFailed
	}
	return 0
}

// code numbers an error code. There are a few thousand in all of AWS; a log that has more than a row can number is
// made up, and its further ones are told from the record alone.
func (w *worker) code(s string) uint32 {
	n := w.t.codes.add([]byte(s))
	if n > 1<<16-2 {
		return w.manyCodes
	}
	return n
}

var errNoName = errors.New("a record without an eventName, which Insights records alone have none of")

// strict puts a record into the store that the fast reader left.
func (w *worker) strict(offset int64, raw []byte) error {
	w.current.strict++
	e, err := readEvent(raw)
	if err == nil && e.Identity.tooLong() {
		err = errText
	}
	if err != nil {
		w.current.refuse(offset, err, raw)
		return nil
	}
	switch {
	case e.Name != "":
	case e.Category == Insight, e.Type == "AwsCloudTrailInsight":
		w.current.insight++
		return nil
	default:
		w.current.refuse(offset, errNoName, raw)
		return nil
	}
	if e.updated() {
		w.current.updates = append(w.current.updates, revision{e.ID, e.Original, seconds(e.Time, 0)})
	}
	if e.Time.IsZero() { // it happened, and nobody knows when: better listed first than not at all
		w.current.trouble(offset, "bad-time", fmt.Sprintf("event %s has no time that can be read", printable(e.ID)))
	}
	r := rec{file: w.current.file}
	size, crc := w.sum.of(raw)
	r.setWhere(whereOf(offset, size))
	r.crc = crc
	r.Row = Row{Time: seconds(e.Time, 0), Identity: w.t.addIdentity(&e.Identity), Code: uint16(w.code(e.Code)), Flags: outcomeFlag(e.Outcome),
		Kind:  w.t.addKind(Kind{e.Name, e.Source, e.Category, e.ReadOnly, e.Type}),
		Place: w.t.addPlace(Place{e.Region, e.Recipient}), Client: w.t.addClient(Client{e.SourceIP, e.UserAgent})}
	if e.Identity.FromConsole {
		r.Flags |= FlagConsole
	}
	if e.Omitted {
		r.Flags |= FlagOmitted
	}
	var isUUID bool
	r.id, isUUID = uuid([]byte(e.ID))
	r.Flags |= oddIDFlag(isUUID)
	var keys []string
	if e.Outcome == Success {
		keys = keysIn(e.Response)
	}
	return w.add(&r, []byte(e.ID), []byte(e.SharedID), keys, about{&e.Identity, e.SourceIP, e.Name}, raw)
}

// about is what Options.Keep is asked of.
type about struct {
	who      *Identity
	ip, name string
}

const tellEvery = 16 << 10 // events

// add stores r and what belongs to it. An error is one of writing the index.
func (w *worker) add(r *rec, id, shared []byte, keys []string, a about, raw []byte) error {
	if w.chunk == nil || w.chunk.n == chunkRows {
		w.chunk, w.number = w.store.fresh(w.opts.Raw != nil)
		w.current.chunks = append(w.current.chunks, w.number)
	}
	n := w.number<<chunkBits | uint32(w.chunk.n)
	if r.Flags&flagOddID != 0 {
		if len(id) == 0 {
			id = []byte(unnamed(raw))
		}
		r.id = oddID(id)
		w.current.odd = append(w.current.odd, mark{n, w.t.texts.add(id)})
	}
	if len(shared) > 0 {
		r.Flags |= FlagShared
		w.current.shared = append(w.current.shared, mark{n, w.t.texts.add(shared)})
	}
	for _, k := range keys {
		r.Flags |= flagIssued
		w.current.issued = append(w.current.issued, mark{n, w.t.number(k)})
	}
	if w.opts.Raw != nil {
		place, err := w.keepRaw(raw)
		if err != nil {
			return err
		}
		w.chunk.places[w.chunk.n] = place
	} else if w.wanted(a) {
		w.keep(n, raw)
		w.follow(keys)
	}
	w.chunk.recs[w.chunk.n] = *r
	w.chunk.n++
	if w.current.records++; w.current.records%tellEvery == 0 {
		w.tell(0) // one file may be the whole log
	}
	return nil
}
