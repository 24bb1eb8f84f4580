package awssim

import (
	"context"
	"fmt"
	"net/http"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// addSeam keeps the typed input at the end of Initialize, where the SDK has
// validated it, and answers just inside the Retry step, so that the SDK's
// retries, rate limiting and attempt records work as they do against AWS.
// Presigning has no Retry step: it is local, and is left alone.
func addSeam(s *middleware.Stack, w *World, actor string) error {
	if _, ok := s.Finalize.Get("Retry"); !ok {
		return nil
	}
	keep := middleware.InitializeMiddlewareFunc("SimulatorInput", keepInput)
	if err := s.Initialize.Add(keep, middleware.After); err != nil {
		return fmt.Errorf("adding the simulator's input step: %w", err)
	}
	answer := middleware.FinalizeMiddlewareFunc("Simulator", func(
		ctx context.Context, _ middleware.FinalizeInput, _ middleware.FinalizeHandler,
	) (middleware.FinalizeOutput, middleware.Metadata, error) {
		return w.respond(ctx, actor)
	})
	if err := s.Finalize.Insert(answer, "Retry", middleware.After); err != nil {
		return fmt.Errorf("adding the simulator behind the SDK's retries: %w", err)
	}
	return nil
}

type inputKey struct{}

func keepInput(
	ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
) (middleware.InitializeOutput, middleware.Metadata, error) {
	return next.HandleInitialize(context.WithValue(ctx, inputKey{}, in.Parameters), in)
}

// respond answers one attempt.
func (w *World) respond(ctx context.Context, actor string) (
	out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
) {
	in := ctx.Value(inputKey{})
	h, ok := handlerFor(in)
	if !ok {
		// Never in the shape of an API error: a caller could take it for AWS's
		// own answer, and its retries and fallbacks would hide the gap.
		w.violate("the simulator has no handler for %T, called by %s", in, actor)
		return out, metadata, fmt.Errorf("awssim: no handler for %T", in)
	}
	call := Call{
		Actor: actor, Service: h.service, Operation: h.operation,
		Region: awsmiddleware.GetRegion(ctx), Input: in, Write: h.write,
	}
	if w.options.Latency != nil {
		if err := sleep(ctx, w.options.Latency(h.service, h.operation)); err != nil {
			return out, metadata, &smithy.CanceledError{Err: err}
		}
	}
	requestID, result, err := w.handle(call, h)
	if _, lost := err.(*smithyhttp.RequestSendError); lost {
		return out, metadata, err // no response: no request id and no Date either
	}
	metadata, err = responseMetadata(ctx, w.options.Now(), requestID, err)
	if err != nil {
		return out, metadata, err
	}
	out.Result = result
	return out, metadata, nil
}

// sleep waits for d or until the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// responseMetadata gives the answer what the SDK's deserialize steps would
// have read off the response: its request id, and AWS's time from the Date
// header with the skew that follows from it.
func responseMetadata(ctx context.Context, now time.Time, requestID string, err error) (middleware.Metadata, error) {
	response := &smithyhttp.Response{Response: &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Date": {now.UTC().Format(http.TimeFormat)}},
	}}
	if err != nil {
		err = asResponse(err, response, requestID)
	}
	timing := awsmiddleware.RecordResponseTiming{}
	_, metadata, err := timing.HandleDeserialize(ctx, middleware.DeserializeInput{}, answered{response, err})
	awsmiddleware.SetRequestIDMetadata(&metadata, requestID)
	return metadata, err
}

// answered is the rest of a deserialize stack whose response is already here.
type answered struct {
	response *smithyhttp.Response
	err      error
}

func (a answered) HandleDeserialize(context.Context, middleware.DeserializeInput) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	return middleware.DeserializeOutput{RawResponse: a.response}, middleware.Metadata{}, a.err
}
