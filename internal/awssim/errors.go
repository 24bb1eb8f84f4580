package awssim

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// statusError is an API error with the HTTP status it comes with.
type statusError struct {
	status int
	err    error
	region string // of the bucket, where S3 tells it
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// fail is a client error of status 400 that the SDK has no type for.
func fail(code, format string, args ...any) error {
	return failWith(400, code, format, args...)
}

// failWith is an error that the SDK has no type for, with its HTTP status.
func failWith(status int, code, format string, args ...any) error {
	fault := smithy.FaultClient
	if status >= 500 {
		fault = smithy.FaultServer
	}
	return &statusError{status: status, err: &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: fault}}
}

// modelled is an error that the SDK has a type for, with its HTTP status.
func modelled(status int, err smithy.APIError) error {
	return &statusError{status: status, err: err}
}

// asResponse wraps an error the way the SDK's deserialize steps do, so that
// retryers and callers see status, request id and API error alike.
func asResponse(err error, response *smithyhttp.Response, requestID string) error {
	response.StatusCode = 400
	if s := (*statusError)(nil); errors.As(err, &s) {
		response.StatusCode, err = s.status, s.err
		if s.region != "" {
			response.Header.Set("X-Amz-Bucket-Region", s.region)
		}
	}
	if _, ok := err.(smithy.APIError); !ok {
		return err // not AWS's: a test's own error, or the simulator's
	}
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{Response: response, Err: err},
		RequestID:     requestID,
	}
}

// faultKind stands for an error whose code and status differ by service; it
// becomes the service's own when it is answered.
type faultKind struct {
	kind      string
	operation string
}

func (f *faultKind) Error() string { return "simulated " + f.kind }

// Throttle is the refusal of a call over its rate.
func Throttle() error { return &faultKind{kind: "throttle"} }

// AccessDenied is the refusal of a caller without permission for op.
func AccessDenied(op string) error { return &faultKind{kind: "denied", operation: op} }

// ServerError is an internal error of the service.
func ServerError() error { return &faultKind{kind: "internal error"} }

// Unavailable is a service that answers 503 for the moment.
func Unavailable() error { return &faultKind{kind: "unavailable"} }

// ExpiredToken is the refusal of credentials that have run out.
func ExpiredToken() error { return &faultKind{kind: "expired token"} }

// Timeout is a request that was sent and whose answer never came.
func Timeout() error { return &faultKind{kind: "timeout"} }

// Reset is a connection that the other side cut.
func Reset() error { return &faultKind{kind: "reset"} }

// NotFound is the refusal of a resource that does not exist, or not yet.
func NotFound(code string) error { return fail(code, "The resource does not exist") }

// Refused is any other API error, by the code and HTTP status AWS gives it.
func Refused(status int, code, message string) error { return failWith(status, code, "%s", message) }

// protocolErrors are the codes of the errors that every service has, which
// differ between the API families.
type protocolErrors struct {
	throttle, denied, internal, unavailable, expired string
	throttleStatus, deniedStatus                     int
}

// errorsOf gives the common codes of a service.
// EC2: docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
// Query services (IAM, Auto Scaling, both load balancers, STS): the common
// errors page of each API reference. JSON services (SSM, KMS, CloudTrail): theirs.
// S3: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
func errorsOf(service string) protocolErrors {
	switch service {
	case "ec2":
		return protocolErrors{"RequestLimitExceeded", "UnauthorizedOperation", "InternalError", "Unavailable", "RequestExpired", 503, 403}
	case "s3":
		return protocolErrors{"SlowDown", "AccessDenied", "InternalError", "ServiceUnavailable", "ExpiredToken", 503, 403}
	case "ssm", "kms", "cloudtrail":
		return protocolErrors{"ThrottlingException", "AccessDeniedException", "InternalServerError", "ServiceUnavailable", "ExpiredTokenException", 400, 400}
	case "organizations":
		return protocolErrors{"TooManyRequestsException", "AccessDeniedException", "ServiceException", "ServiceUnavailable", "ExpiredTokenException", 400, 400}
	case "account":
		return protocolErrors{"TooManyRequestsException", "AccessDeniedException", "InternalServerException", "ServiceUnavailable", "ExpiredTokenException", 429, 403}
	case "ecs":
		return protocolErrors{"ThrottlingException", "AccessDeniedException", "ServerException", "ServiceUnavailable", "ExpiredTokenException", 400, 400}
	case "lambda":
		return protocolErrors{"TooManyRequestsException", "AccessDeniedException", "ServiceException", "ServiceUnavailable", "ExpiredTokenException", 429, 403}
	case "guardduty":
		return protocolErrors{"TooManyRequestsException", "AccessDeniedException", "InternalServerErrorException", "ServiceUnavailable", "ExpiredTokenException", 429, 403}
	default:
		return protocolErrors{"Throttling", "AccessDenied", "InternalFailure", "ServiceUnavailable", "ExpiredToken", 400, 403}
	}
}

// asFault turns a fault value into the error that the called service has for it.
func asFault(err error, call Call) error {
	f, ok := err.(*faultKind)
	if !ok {
		return err
	}
	codes := errorsOf(call.Service)
	switch f.kind {
	case "throttle":
		return failWith(codes.throttleStatus, codes.throttle, "Rate exceeded")
	case "denied":
		op := f.operation
		if op == "" {
			op = call.Operation
		}
		if !strings.Contains(op, ":") {
			op = call.Service + ":" + op
		}
		return failWith(codes.deniedStatus, codes.denied, "User: %s is not authorized to perform: %s", call.Actor, op)
	case "internal error":
		return failWith(500, codes.internal, "An internal error has occurred")
	case "unavailable":
		return failWith(503, codes.unavailable, "The service is unavailable. Please try again shortly.")
	case "expired token":
		return failWith(400, codes.expired, "The security token included in the request is expired")
	case "reset":
		return notAnswered(call, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})
	default:
		return notAnswered(call, &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded})
	}
}

// notAnswered is what the SDK's HTTP client makes of a request without response.
func notAnswered(call Call, cause error) error {
	return &smithyhttp.RequestSendError{Err: &url.Error{
		Op: "Post", URL: "https://" + call.Service + "." + call.Region + ".amazonaws.com/", Err: cause,
	}}
}

// noSuchHost is what calling a region that does not exist comes to.
func noSuchHost(call Call) error {
	return notAnswered(call, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{
		Err: "no such host", Name: call.Service + "." + call.Region + ".amazonaws.com", IsNotFound: true,
	}})
}

// notEnabled is what a region that the account has not opted in to answers:
// its IAM does not know the caller there. AuthFailure in EC2, OptInRequired in
// the services whose common errors list it, else an invalid token
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
func notEnabled(call Call) error {
	switch call.Service {
	case "ec2":
		return failWith(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
	case "autoscaling", "elasticloadbalancing", "elasticloadbalancingv2":
		return failWith(403, "OptInRequired", "The AWS Access Key Id needs a subscription for the service")
	case "ssm", "kms", "guardduty", "cloudtrail", "ecs", "lambda":
		return failWith(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
	default:
		return failWith(403, "InvalidClientTokenId", "The security token included in the request is invalid")
	}
}
