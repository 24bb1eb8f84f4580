package awssim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// tagged is a resource's tags, and what has to be done before changing them.
type tagged struct {
	tags  *map[string]string
	touch func()
}

// taggable finds a resource of any kind by its id.
func (r *Request) taggable(id string) (tagged, error) {
	g := r.Region
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "i":
		return tags(r, instanceKind, g.Instances, id, func(v *Instance) *map[string]string { return &v.Tags })
	case "vol":
		return tags(r, volumeKind, g.Volumes, id, func(v *Volume) *map[string]string { return &v.Tags })
	case "snap":
		return tags(r, snapshotKind, g.Snapshots, id, func(v *Snapshot) *map[string]string { return &v.Tags })
	case "sg":
		return tags(r, groupKind, g.SecurityGroups, id, func(v *SecurityGroup) *map[string]string { return &v.Tags })
	case "eni":
		return tags(r, interfaceKind, g.NetworkInterfaces, id, func(v *NetworkInterface) *map[string]string { return &v.Tags })
	case "acl":
		return tags(r, aclKind, g.NetworkACLs, id, func(v *NetworkACL) *map[string]string { return &v.Tags })
	case "rtb":
		return tags(r, routeTableKind, g.RouteTables, id, func(v *RouteTable) *map[string]string { return &v.Tags })
	case "vpc":
		return tags(r, vpcKind, g.VPCs, id, func(v *VPC) *map[string]string { return &v.Tags })
	case "subnet":
		return tags(r, subnetKind, g.Subnets, id, func(v *Subnet) *map[string]string { return &v.Tags })
	case "ami":
		return tags(r, imageKind, g.Images, id, func(v *Image) *map[string]string { return &v.Tags })
	case "eipalloc":
		return tags(r, allocationKind, g.Addresses, id, func(v *Address) *map[string]string { return &v.Tags })
	}
	return tagged{}, fail("InvalidID", "The ID '%s' is not valid", id)
}

func tags[T any](r *Request, k ec2Kind, m map[string]*T, id string, of func(*T) *map[string]string) (tagged, error) {
	v, err := find(r, k, m, aws.String(id))
	if err != nil {
		return tagged{}, err
	}
	return tagged{of(v), func() { touch(r, m, id) }}, nil
}

func (r *Request) taggables(ids []string) ([]tagged, error) {
	if len(ids) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	var found []tagged
	for _, id := range ids {
		t, err := r.taggable(id)
		if err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	return found, nil
}

// createTags adds or overwrites tags of all the resources, or of none
// (API_CreateTags).
func createTags(r *Request, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	found, err := r.taggables(in.Resources)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter tagSet")
	}
	next := make([]map[string]string, len(found))
	for i, t := range found {
		next[i] = tagsOf(*t.tags)
		if err := addTags(next[i], in.Tags); err != nil {
			return nil, err
		}
	}
	for i, t := range found {
		t.touch()
		*t.tags = next[i]
	}
	return &ec2.CreateTagsOutput{}, nil
}

// deleteTags removes a tag by key, or by key and value where a value is given;
// without any tag it removes all that are not AWS's. What is not there is no
// error (API_DeleteTags).
func deleteTags(r *Request, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	found, err := r.taggables(in.Resources)
	if err != nil {
		return nil, err
	}
	for _, t := range found {
		next := tagsOf(*t.tags)
		for _, tag := range in.Tags {
			key := aws.ToString(tag.Key)
			if tag.Value == nil || next[key] == *tag.Value {
				delete(next, key)
			}
		}
		for key := range next {
			if len(in.Tags) == 0 && !strings.HasPrefix(key, "aws:") {
				delete(next, key)
			}
		}
		t.touch()
		*t.tags = next
	}
	return &ec2.DeleteTagsOutput{}, nil
}
