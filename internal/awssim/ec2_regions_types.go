package awssim

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeRegions lists the enabled regions, or all with their opt-in state
// (API_DescribeRegions).
func describeRegions(r *Request, in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	out, known := &ec2.DescribeRegionsOutput{}, regionsOf(r.Account.Partition)
	fields := func(name, optIn, filter string) ([]string, bool) {
		switch filter {
		case "region-name":
			return []string{name}, true
		case "opt-in-status":
			return []string{optIn}, true
		case "endpoint":
			return []string{"ec2." + name + ".amazonaws.com"}, true
		}
		return nil, false
	}
	if err := checkFilters(in.Filters, func(f string) bool { _, ok := fields("", "", f); return ok }); err != nil {
		return nil, err
	}
	for _, name := range in.RegionNames {
		if _, ok := known[name]; !ok {
			return nil, fail("InvalidParameterValue", "Invalid region names: %s", name)
		}
	}
	for _, name := range sortedKeys(known) {
		optIn := known[name]
		if region := r.Account.Regions[name]; region != nil {
			optIn = region.OptIn
		}
		if len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, name) {
			continue
		}
		if optIn == notOptedIn && !aws.ToBool(in.AllRegions) {
			continue
		}
		if !passes(in.Filters, nil, func(f string) []string { v, _ := fields(name, optIn, f); return v }) {
			continue
		}
		out.Regions = append(out.Regions, ec2types.Region{
			RegionName: aws.String(name), OptInStatus: aws.String(optIn), Endpoint: aws.String("ec2." + name + ".amazonaws.com"),
		})
	}
	return out, nil
}

// isNitro says whether a type is built on Nitro. The Xen ones are all older
// than the fifth generation
// (docs.aws.amazon.com/ec2/latest/instancetypes/ec2-nitro-instances.html).
func isNitro(instanceType string) bool {
	family, _, _ := strings.Cut(instanceType, ".")
	return !slices.Contains([]string{"t1", "t2", "m1", "m2", "m3", "m4", "c1", "c3", "c4", "r3", "r4", "i2", "d2", "h1", "g2", "g3", "g3s", "p2", "p3", "x1", "x1e", "f1", "cr1", "hs1"}, family)
}

// describeInstanceTypes answers for any type that is asked for by name, with
// what follows from it: hypervisor and architecture by the family, an instance
// store where the family's attributes hold a "d".
func describeInstanceTypes(r *Request, in *ec2.DescribeInstanceTypesInput) (*ec2.DescribeInstanceTypesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 100, nil, ""); err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, t := range in.InstanceTypes {
		family, size, ok := strings.Cut(string(t), ".")
		if !ok || family == "" || size == "" {
			return nil, fail("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", t)
		}
		asked[string(t)] = true
	}
	if len(in.InstanceTypes) == 0 {
		for _, i := range r.Region.Instances {
			asked[i.Type] = true
		}
	}
	fields := func(name, filter string) ([]string, bool) {
		switch filter {
		case "instance-type":
			return []string{name}, true
		case "hypervisor":
			return []string{string(hypervisor(name))}, true
		}
		return nil, false
	}
	if err := checkFilters(in.Filters, func(f string) bool { _, ok := fields("", f); return ok }); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range sortedKeys(asked) {
		if passes(in.Filters, nil, func(f string) []string { v, _ := fields(name, f); return v }) {
			names = append(names, name)
		}
	}
	names, next, err := page(r, names, func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceTypesOutput{NextToken: next}
	for _, name := range names {
		family, _, _ := strings.Cut(name, ".")
		generation := strings.IndexAny(family, "0123456789")
		store := generation >= 0 && strings.Contains(family[generation:], "d")
		out.InstanceTypes = append(out.InstanceTypes, ec2types.InstanceTypeInfo{
			InstanceType: ec2types.InstanceType(name), Hypervisor: hypervisor(name), BareMetal: aws.Bool(strings.Contains(name, "metal")),
			InstanceStorageSupported: aws.Bool(store), CurrentGeneration: aws.Bool(isNitro(name)),
			NetworkInfo: &ec2types.NetworkInfo{MaximumNetworkInterfaces: aws.Int32(4), Ipv6Supported: aws.Bool(true)},
		})
	}
	slices.SortFunc(out.InstanceTypes, func(a, b ec2types.InstanceTypeInfo) int { return cmp.Compare(a.InstanceType, b.InstanceType) })
	return out, nil
}

func hypervisor(instanceType string) ec2types.InstanceTypeHypervisor {
	if isNitro(instanceType) {
		return ec2types.InstanceTypeHypervisorNitro
	}
	return ec2types.InstanceTypeHypervisorXen
}
