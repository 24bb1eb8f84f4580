package action

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The tags on everything that cordon makes or marks. The op-id is random, so that nobody can have put it on
// something of their own before the step began.
const (
	caseTag = "cordon:case"
	opTag   = "cordon:op"
	// instanceTag says on a snapshot which instance its volume was attached to: the snapshot itself names the
	// volume alone, which may since be gone.
	instanceTag = "cordon:instance"
	// volumeTag is on the snapshots that were asked for volume by volume.
	volumeTag = "cordon:volume"
)

// Tags is what a thing made by this step carries from its creation on: case and op-id first, then what the
// responder asked for (option "tags", one key=value a line). The responder's never replace cordon's own.
func (t Target) Tags() []ec2types.Tag {
	tags := []ec2types.Tag{tag(caseTag, t.Case), tag(opTag, t.OpID)}
	for _, line := range t.List("tags") {
		key, value, _ := strings.Cut(line, "=")
		if key == "" || isTagged(tags, key) {
			continue
		}
		tags = append(tags, tag(key, value))
	}
	return tags
}

func tag(key, value string) ec2types.Tag {
	return ec2types.Tag{Key: aws.String(key), Value: aws.String(value)}
}

func isTagged(tags []ec2types.Tag, key string) bool {
	_, ok := tagValue(tags, key)
	return ok
}

func tagValue(tags []ec2types.Tag, key string) (string, bool) {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value), true
		}
	}
	return "", false
}
