package action

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// script answers each operation with a fixed output, an error, or what a function makes of the input, for the
// answers that no well-behaved account gives.
type script struct {
	answers map[string]any

	mu   sync.Mutex
	sent []any
}

type scriptInput struct{}

func (s *script) connect(t *testing.T) *AWS {
	t.Helper()
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.AnonymousCredentials{}, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		keep := middleware.InitializeMiddlewareFunc("keep", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(context.WithValue(ctx, scriptInput{}, in.Parameters), in)
		})
		if err := stack.Initialize.Add(keep, middleware.After); err != nil {
			return err
		}
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("script", s.answer), "Retry", middleware.After)
	})
	c := Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", "arn:aws:sts::111122223333:assumed-role/responder/ann"
	return c
}

func (s *script) answer(ctx context.Context, _ middleware.FinalizeInput, _ middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	in := ctx.Value(scriptInput{})
	name := awsmiddleware.GetOperationName(ctx)
	s.mu.Lock()
	s.sent = append(s.sent, in)
	s.mu.Unlock()
	a, ok := s.answers[name]
	if f, is := a.(func(any) any); is {
		a = f(in)
	}
	if err, is := a.(error); is {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	if !ok {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("the script has no answer to %s", name)
	}
	return middleware.FinalizeOutput{Result: a}, middleware.Metadata{}, nil
}

// sentOf lists the inputs of one type that were sent.
func sentOf[I any](s *script) []*I {
	s.mu.Lock()
	defer s.mu.Unlock()
	var of []*I
	for _, in := range s.sent {
		if i, ok := in.(*I); ok {
			of = append(of, i)
		}
	}
	return of
}

// may admits what the action declares, and nothing else.
func may(a Action) context.Context {
	return Allow(context.Background(), a.Reads.Plus(a.UndoReads), a.Writes.Plus(a.UndoWrites), nil)
}

func refusal(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "no", Fault: smithy.FaultClient}
}

// tray is a Sink that remembers.
type tray struct {
	mu        sync.Mutex
	artifacts map[string][]byte
	durable   map[string]string
	losses    map[string]string
	broken    error
}

func newTray() *tray {
	return &tray{artifacts: map[string][]byte{}, durable: map[string]string{}, losses: map[string]string{}}
}

func (s *tray) Artifact(name, _ string, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.artifacts[name] = data
	return s.broken
}

func (s *tray) Durable(name, _, id, state, lock string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable[name] = id + " " + state + " " + lock
	return s.broken
}

func (s *tray) Loss(name, _, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losses[name] = reason
	return s.broken
}
