package awssim

import (
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Error codes are those of docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
// unless a handler says otherwise.

// ec2Kind is a kind of resource with its id prefix and its error codes.
type ec2Kind struct{ prefix, notFound, malformed, noun string }

var (
	instanceKind    = ec2Kind{"i", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "instance ID"}
	groupKind       = ec2Kind{"sg", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "security group"}
	ruleKind        = ec2Kind{"sgr", "InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleId.Malformed", "security group rule ID"}
	interfaceKind   = ec2Kind{"eni", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed", "networkInterface ID"}
	volumeKind      = ec2Kind{"vol", "InvalidVolume.NotFound", "InvalidVolumeID.Malformed", "volume"}
	snapshotKind    = ec2Kind{"snap", "InvalidSnapshot.NotFound", "InvalidSnapshotID.Malformed", "snapshot"}
	imageKind       = ec2Kind{"ami", "InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "image id"}
	vpcKind         = ec2Kind{"vpc", "InvalidVpcID.NotFound", "InvalidVpcID.Malformed", "vpc ID"}
	subnetKind      = ec2Kind{"subnet", "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "subnet ID"}
	aclKind         = ec2Kind{"acl", "InvalidNetworkAclID.NotFound", "InvalidNetworkAclId.Malformed", "networkAcl ID"}
	routeTableKind  = ec2Kind{"rtb", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed", "routeTable ID"}
	endpointKind    = ec2Kind{"vpce", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.Malformed", "Vpc Endpoint Id"}
	connectKind     = ec2Kind{"eice", "InvalidInstanceConnectEndpointId.NotFound", "InvalidInstanceConnectEndpointId.Malformed", "EC2 Instance Connect Endpoint"}
	prefixListKind  = ec2Kind{"pl", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed", "prefix list ID"}
	allocationKind  = ec2Kind{"eipalloc", "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed", "allocation ID"}
	associationKind = ec2Kind{"eipassoc", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "association ID"}
	profileKind     = ec2Kind{"iip-assoc", "InvalidAssociationID.NotFound", "InvalidAssociationID.Malformed", "IAM instance profile association"}
)

// check refuses an id that is not of this kind's form: the prefix, then 8 or
// 17 hexadecimal digits.
func (k ec2Kind) check(id string) error {
	digits, ok := strings.CutPrefix(id, k.prefix+"-")
	if !ok || (len(digits) != 8 && len(digits) != 17) || strings.Trim(digits, "0123456789abcdef") != "" {
		return fail(k.malformed, "Invalid id: %q", id)
	}
	return nil
}

func (k ec2Kind) gone(ids ...string) error {
	return fail(k.notFound, "The %s '%s' does not exist", k.noun, strings.Join(ids, ", "))
}

// find gives the resource that a write names, as it truly is.
func find[T any](r *Request, k ec2Kind, m map[string]*T, id *string) (*T, error) {
	if err := k.check(aws.ToString(id)); err != nil {
		return nil, err
	}
	v, ok := m[*id]
	if !ok {
		r.missing(*id)
		return nil, k.gone(*id)
	}
	return v, nil
}

// see gives the one resource that a read names, as this read sees it.
func see[T any](r *Request, k ec2Kind, m map[string]*T, id *string) (*T, error) {
	if err := k.check(aws.ToString(id)); err != nil {
		return nil, err
	}
	v, ok := look(r, m, *id)
	if !ok {
		return nil, k.gone(*id)
	}
	return v, nil
}

// list gives what a Describe call asks for: the named resources, each of which
// must exist, or all, and of those the ones that every filter lets through.
// fields answers for a filter's name, and says whether there is such a filter.
func list[T any](
	r *Request, k ec2Kind, m map[string]*T, ids []string, filters []ec2types.Filter,
	fields func(v *T, filter string) (values []string, known bool), tags func(*T) map[string]string,
) ([]*T, error) {
	for _, id := range ids {
		if err := k.check(id); err != nil {
			return nil, err
		}
	}
	seen := view(r, m, ids...)
	var lost []string
	for _, id := range ids {
		if seen[id] == nil && !slices.Contains(lost, id) {
			lost = append(lost, id)
		}
	}
	if len(lost) > 0 {
		return nil, k.gone(lost...)
	}
	if err := checkFilters(filters, func(name string) bool { _, known := fields(new(T), name); return known }); err != nil {
		return nil, err
	}
	var out []*T
	for _, id := range sortedKeys(seen) {
		if v := seen[id]; passes(filters, tags(v), func(name string) []string { values, _ := fields(v, name); return values }) {
			out = append(out, v)
		}
	}
	return out, nil
}

// checkFilters refuses a filter that the operation does not have, which AWS
// answers with InvalidParameterValue rather than with everything.
func checkFilters(filters []ec2types.Filter, known func(name string) bool) error {
	for _, f := range filters {
		name := aws.ToString(f.Name)
		if name == "tag-key" || strings.HasPrefix(name, "tag:") || known(name) {
			continue
		}
		return fail("InvalidParameterValue", "The filter '%s' is invalid", name)
	}
	return nil
}

// passes says whether every filter has a value that the resource matches.
func passes(filters []ec2types.Filter, tags map[string]string, values func(name string) []string) bool {
	for _, f := range filters {
		if !anyMatch(f.Values, filterValues(aws.ToString(f.Name), tags, values)) {
			return false
		}
	}
	return true
}

func filterValues(name string, tags map[string]string, values func(string) []string) []string {
	if name == "tag-key" {
		return sortedKeys(tags)
	}
	key, ok := strings.CutPrefix(name, "tag:")
	if !ok {
		return values(name)
	}
	if v, ok := tags[key]; ok {
		return []string{v}
	}
	return nil
}

func anyMatch(patterns, values []string) bool {
	for _, p := range patterns {
		for _, v := range values {
			if wildcard(p, v) {
				return true
			}
		}
	}
	return false
}

// wildcard compares as EC2's filters do: * for any characters, ? for one, a
// backslash before either takes it literally, and case counts
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html).
func wildcard(pattern, value string) bool {
	if !strings.ContainsAny(pattern, `*?\`) {
		return pattern == value
	}
	// path.Match differs in classes and in not crossing slashes.
	hide := strings.NewReplacer("/", "\x00")
	literal := strings.NewReplacer("/", "\x00", "[", `\[`)
	ok, err := path.Match(literal.Replace(pattern), hide.Replace(value))
	return err == nil && ok
}

// checkLimit refuses MaxResults out of bounds, or beside ids where the
// operation does not take both.
func checkLimit(limit *int32, least, most int32, ids []string, parameter string) error {
	if limit == nil {
		return nil
	}
	if len(ids) > 0 && parameter != "" {
		return fail("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", parameter)
	}
	if *limit < least || *limit > most {
		return fail("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", *limit, least, most)
	}
	return nil
}

func ec2Tags(tags map[string]string) []ec2types.Tag {
	var out []ec2types.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, ec2types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

// specifiedTags gives the tags that a creation asks for on one resource type.
func specifiedTags(specifications []ec2types.TagSpecification, kind ec2types.ResourceType) (map[string]string, error) {
	tags := map[string]string{}
	for _, s := range specifications {
		if s.ResourceType != kind {
			return nil, fail("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", s.ResourceType)
		}
		if err := addTags(tags, s.Tags); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// addTags adds tags within AWS's limits: 50 a resource, keys of 1 to 127
// characters not beginning with "aws:", values of at most 255
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions).
func addTags(to map[string]string, tags []ec2types.Tag) error {
	next := map[string]bool{}
	for k := range to {
		next[k] = true
	}
	for _, t := range tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		switch {
		case key == "":
			return fail("InvalidParameterValue", "Tag keys cannot be empty.")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return fail("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case len([]rune(key)) > 127:
			return fail("InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters")
		case len([]rune(value)) > 255:
			return fail("InvalidParameterValue", "Tag value exceeds the maximum length of 255 characters")
		}
		next[key] = true
	}
	if len(next) > 50 {
		return fail("TagLimitExceeded", "Tag limit exceeded: the maximum number of tags is 50")
	}
	for _, t := range tags {
		to[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return nil
}

// yesNo is a boolean filter's value.
func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// some gives the values that are not empty.
func some(values ...string) []string {
	return slices.DeleteFunc(values, func(v string) bool { return v == "" })
}

// opt gives nil for an empty string, which AWS leaves out of its answers.
func opt(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
