package awssim

import (
	"strings"
	"time"
)

// bucket is the token bucket of one operation in one region.
type bucket struct {
	tokens float64
	filled time.Time
}

// rate is a bucket's size and its refill per second.
type rate struct{ size, refill float64 }

// rateOf gives the documented rates. EC2 counts every API by itself, per
// account and region: 100 tokens and 20 a second for reads, 50 and 5 for
// writes (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
// CloudTrail takes two lookups a second, per account and region
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
// Organizations has figures of its own for each operation
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
// IAM publishes no figures; here its changes share one bucket of 30 and 15 a
// second. The others publish none either; what they get here is low enough that
// a caller without backoff meets the limit.
func rateOf(call Call) rate {
	switch {
	case call.Service == "ec2" && call.Write:
		return rate{50, 5}
	case call.Service == "ec2":
		return rate{100, 20}
	case call.Operation == "LookupEvents", call.Operation == "DescribePolicy":
		return rate{2, 2}
	case call.Operation == "DescribeOrganization", call.Operation == "ListRoots":
		return rate{2, 1}
	case call.Operation == "ListDelegatedServicesForAccount":
		return rate{3, 1}
	case call.Service == "organizations" && call.Write:
		return rate{3, 2}
	case call.Service == "organizations":
		return rate{8, 5}
	case call.Service == "iam" && call.Write:
		return rate{30, 15}
	case call.Service == "iam":
		return rate{100, 50}
	case call.Write:
		return rate{20, 5}
	default:
		return rate{50, 10}
	}
}

// spend takes a token for the call, or refuses it.
func (w *World) spend(call Call, now time.Time) error {
	key := strings.Join([]string{call.Service, call.Region, call.Operation}, "/")
	if call.Service == "iam" && call.Write {
		key = call.Service // all changes come out of one bucket, from wherever they are called
	}
	r := rateOf(call)
	b := w.buckets[key]
	if b == nil {
		b = &bucket{tokens: r.size, filled: now}
		w.buckets[key] = b
	}
	if d := now.Sub(b.filled); d > 0 {
		b.tokens = min(r.size, b.tokens+d.Seconds()*r.refill)
		b.filled = now
	}
	if b.tokens < 1 {
		return asFault(Throttle(), call)
	}
	b.tokens--
	return nil
}
