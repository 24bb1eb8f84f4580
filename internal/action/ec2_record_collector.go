package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// collector runs the reads of a record side by side. A read that fails is a loss and stops nothing; only a sink
// that cannot take evidence does, and is the error that the record ends with.
type collector struct {
	c    *AWS
	t    Target
	sink Sink

	slots chan struct{}
	reads sync.WaitGroup

	policies sync.Map // managed policies that are read already, by ARN

	mu   sync.Mutex
	errs []error
}

// readsAtOnce keeps the record from using up the account's API rates while containment runs beside it.
const readsAtOnce = 16

func newCollector(c *AWS, t Target, sink Sink) *collector {
	return &collector{c: c, t: t, sink: sink, slots: make(chan struct{}, readsAtOnce)}
}

// read runs do beside the others and keeps its answer. do may start further reads.
func (r *collector) read(ctx context.Context, name, source string, do func(context.Context) (any, error)) {
	r.readIf(ctx, name, source, func(ctx context.Context) (any, bool, error) {
		out, err := do(ctx)
		return out, true, err
	})
}

// readIf is read for an answer that may turn out to be none of this instance's.
func (r *collector) readIf(ctx context.Context, name, source string, do func(context.Context) (out any, wanted bool, err error)) {
	r.reads.Go(func() {
		r.slots <- struct{}{}
		out, wanted, err := do(ctx)
		<-r.slots
		if err == nil && !wanted {
			return
		}
		var data []byte
		if err == nil {
			data, err = answerJSON(out)
		}
		if err != nil {
			r.note(r.sink.Loss(name, source, err.Error()))
			return
		}
		r.keep(name, source, data)
	})
}

func (r *collector) keep(name, source string, data []byte) {
	r.note(r.sink.Artifact(name, source, data))
}

func (r *collector) note(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *collector) wait() error {
	r.reads.Wait()
	return errors.Join(r.errs...)
}

// pages is every page of a paginated answer, as it came.
type pages[T any] []*T

// every reads all pages that there are; with an error, those before it.
func every[T, O any](ctx context.Context, p interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*O)) (*T, error)
}) (pages[T], error) {
	var all pages[T]
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, page)
	}
	return all, nil
}

// answerJSON is an API answer as JSON, without the SDK's own metadata.
func answerJSON(out any) ([]byte, error) {
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write the answer as JSON: %w", err)
	}
	var answer any
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("write the answer as JSON: %w", err)
	}
	dropMetadata(answer)
	if list, ok := answer.([]any); ok {
		answer = map[string]any{"pages": list}
	}
	return json.MarshalIndent(answer, "", " ")
}

func dropMetadata(answer any) {
	switch a := answer.(type) {
	case map[string]any:
		delete(a, "ResultMetadata")
	case []any:
		for _, page := range a {
			dropMetadata(page)
		}
	}
}
