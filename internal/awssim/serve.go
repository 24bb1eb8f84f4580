package awssim

import (
	"fmt"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Request is what a handler is given beside the typed input.
type Request struct {
	World     *World
	Account   *Account
	Region    *Region // of the client; global services keep their state in Account
	Actor     string  // the caller's ARN
	Service   string
	Operation string
	Now       time.Time

	write bool // whether the operation changes the account
}

// later schedules slow work; see World.later.
func (r *Request) later(work string, usual time.Duration, f func(now time.Time)) {
	r.World.later(r.Now, work, usual, f)
}

// newID makes an identifier such as "snap-0…".
func (r *Request) newID(prefix string) string { return r.World.newID(prefix) }

// arn names a resource of the called account and region.
func (r *Request) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", r.Account.Partition, service, r.Region.Name, r.Account.ID, resource)
}

// handler is one operation.
type handler struct {
	input     reflect.Type
	service   string
	operation string
	write     bool
	dryRun    []int // index of the input's DryRun field, if it has one
	serve     func(r *Request, in any) (any, error)
}

// read declares an operation without effect.
func read[In, Out any](f func(*Request, *In) (*Out, error)) handler { return declare(f, false) }

// write declares an operation that changes the account.
func write[In, Out any](f func(*Request, *In) (*Out, error)) handler { return declare(f, true) }

func declare[In, Out any](f func(*Request, *In) (*Out, error), isWrite bool) handler {
	t := reflect.TypeFor[In]()
	h := handler{
		input:     reflect.PointerTo(t),
		service:   path.Base(t.PkgPath()),
		operation: strings.TrimSuffix(t.Name(), "Input"),
		write:     isWrite,
		serve: func(r *Request, in any) (any, error) {
			out, err := f(r, in.(*In))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
	if field, ok := t.FieldByName("DryRun"); ok {
		h.dryRun = field.Index
	}
	return h
}

// handlerTable joins the services' lists once.
var handlerTable = sync.OnceValue(func() map[reflect.Type]*handler {
	table := map[reflect.Type]*handler{}
	for _, list := range [][]handler{
		stsHandlers(), ec2Handlers(), autoscalingHandlers(), elbHandlers(), elbv2Handlers(),
		iamHandlers(), iamUserHandlers(), iamUserCredentialHandlers(), iamGroupHandlers(), iamManagedPolicyHandlers(), iamReportHandlers(), rootHandlers(), iamProviderHandlers(), iamRoleHandlers(), kmsHandlers(), ssmHandlers(), s3Handlers(),
		guarddutyHandlers(), cloudtrailHandlers(), ecsHandlers(), lambdaHandlers(),
		organizationsHandlers(), accountHandlers(), identityCenterHandlers(), directoryHandlers(),
	} {
		for _, h := range list {
			table[h.input] = &h
		}
	}
	return table
})

func handlerFor(in any) (*handler, bool) {
	h, ok := handlerTable()[reflect.TypeOf(in)]
	return h, ok
}

// handle records the call, asks the hook, and serves it.
func (w *World) handle(call Call, h *handler) (requestID string, result any, err error) {
	w.mu.Lock()
	w.requests++
	call.Actor = w.asRoot(call)
	requestID = fmt.Sprintf("5ca1ab1e-0000-4000-8000-%012x", w.requests)
	call.N = len(w.calls) + 1
	w.calls = append(w.calls, call)
	hook := w.hook
	w.mu.Unlock()

	var fault Fault
	if hook != nil {
		fault = hook(call)
	}
	if fault.Before != nil {
		return requestID, nil, asFault(fault.Before, call)
	}
	result, err = w.serve(call, h)
	if fault.Then != nil {
		fault.Then()
	}
	if fault.After != nil {
		return requestID, nil, asFault(fault.After, call)
	}
	return requestID, result, err
}

// serve runs the handler under the lock.
func (w *World) serve(call Call, h *handler) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.options.Now()
	w.settle(now)

	region, ok := w.account.region(call.Region)
	if !ok {
		return nil, noSuchHost(call)
	}
	if err := w.admit(call, region, now); err != nil {
		return nil, err
	}
	if h.dryRun != nil {
		dry, _ := reflect.ValueOf(call.Input).Elem().FieldByIndex(h.dryRun).Interface().(*bool)
		if aws.ToBool(dry) {
			// EC2 error codes: "DryRunOperation: The user has the required
			// permissions, so the request would have succeeded".
			return nil, failWith(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
		}
	}
	w.policeCall(call)
	return h.serve(&Request{
		World: w, Account: w.account, Region: region,
		Actor: call.Actor, Service: call.Service, Operation: call.Operation, Now: now, write: h.write,
	}, call.Input)
}

// admit refuses what AWS refuses before looking at the request.
func (w *World) admit(call Call, region *Region, now time.Time) error {
	if region.OptIn == notOptedIn && !isGlobal(call.Service) {
		if call.Write {
			w.note("%s called %s.%s in %s, a region that is not enabled", call.Actor, call.Service, call.Operation, region.Name)
		}
		return notEnabled(call)
	}
	if w.options.Rates {
		return w.spend(call, now)
	}
	return nil
}

// isGlobal says whether a service keeps one state for all regions.
func isGlobal(service string) bool {
	return service == "iam" || service == "organizations" || service == "account"
}
