package awssim

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// page cuts items, ordered by id, to the page that the token asks for, and
// gives the next token. The forced page size wins over a larger limit: a
// caller that does not follow tokens is found out by the first list of four.
func page[T any](r *Request, items []T, id func(T) string, limit *int32, token *string) ([]T, *string, error) {
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	if t := aws.ToString(token); t != "" {
		last, ok := openToken(r, t)
		if !ok {
			return nil, nil, invalidToken(r)
		}
		n, _ := slices.BinarySearchFunc(items, last, func(item T, last string) int {
			if id(item) > last {
				return 1
			}
			return -1 // the first item past the last one: a page always gets further
		})
		items = items[n:]
	}
	size := r.World.options.PageSize
	if n := int(aws.ToInt32(limit)); n > 0 {
		size = min(size, n)
	}
	if len(items) <= size {
		return items, nil, nil
	}
	items = items[:size]
	return items, aws.String(sealToken(r, id(items[size-1]))), nil
}

// A token names the operation it belongs to and the last item handed out, so
// that it stays good while the list changes underneath, and is refused by any
// other operation.
func sealToken(r *Request, last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(r.Service + "." + r.Operation + "\n" + last))
}

func openToken(r *Request, token string) (string, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(string(b), r.Service+"."+r.Operation+"\n")
}

// invalidToken is what each service answers to a token it never gave out, by
// its API reference.
func invalidToken(r *Request) error {
	switch r.Service {
	case "ec2":
		return fail("InvalidPaginationToken", "The specified pagination token is not valid.")
	case "autoscaling", "ssm":
		return fail("InvalidNextToken", "The token is not valid.")
	case "cloudtrail":
		return fail("InvalidNextTokenException", "The token is not valid.")
	case "ecs":
		return fail("InvalidParameterException", "The token is not valid.")
	case "lambda":
		return fail("InvalidParameterValueException", "The marker is not valid.")
	case "kms":
		return fail("InvalidMarkerException", "The marker is not valid.")
	default:
		return fail("ValidationError", "The pagination token is not valid.")
	}
}
