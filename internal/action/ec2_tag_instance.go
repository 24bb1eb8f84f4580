package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

type tagState struct {
	Key   string  `json:"key"`
	Value *string `json:"value"` // null: the instance has no such tag
}

// instanceTags holds the tags that the step sets and no others: an intruder who keeps changing some other tag
// must not count as drift.
type instanceTags struct {
	Tags []tagState `json:"tags"`
}

func (s instanceTags) value(key string) *string {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

// TagInstance marks the instance, so that whoever finds it sees the case.
var TagInstance = define(Spec[instanceTags]{
	Name:       "ec2-tag-instance",
	Summary:    "Tag the instance with the case. Whoever comes across it sees that it is being dealt with.",
	Phase:      casefile.Preserve,
	Target:     casefile.EC2Instance,
	Reads:      Ops{op((*ec2.Client).DescribeInstances)},
	Writes:     Ops{op((*ec2.Client).CreateTags)},
	UndoWrites: Ops{op((*ec2.Client).CreateTags), op((*ec2.Client).DeleteTags)},
	Observe: func(ctx context.Context, c *AWS, t Target) (instanceTags, error) {
		i, err := readInstance(ctx, c, t.ID)
		if err != nil {
			return instanceTags{}, err
		}
		return tagsNow(t, i.Tags), nil
	},
	Status: func(t Target, now instanceTags) Status {
		if t.OpID != "" && len(wrongTags(t, now)) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now instanceTags) error {
		return putTags(ctx, c, t.ID, wrongTags(t, now))
	},
	Undo:   undoTags,
	Change: func(t Target, _ instanceTags) string { return plural(len(t.Tags()), "tag") },
})

func tagsNow(t Target, have []ec2types.Tag) instanceTags {
	var now instanceTags
	for _, want := range t.Tags() {
		s := tagState{Key: aws.ToString(want.Key)}
		if value, ok := tagValue(have, s.Key); ok {
			s.Value = aws.String(value)
		}
		now.Tags = append(now.Tags, s)
	}
	slices.SortFunc(now.Tags, func(a, b tagState) int { return cmp.Compare(a.Key, b.Key) })
	return now
}

// wrongTags lists what the step still has to set.
func wrongTags(t Target, now instanceTags) []ec2types.Tag {
	var wrong []ec2types.Tag
	for _, want := range t.Tags() {
		if !slices.ContainsFunc(now.Tags, func(s tagState) bool {
			return s.Key == aws.ToString(want.Key) && s.Value != nil && *s.Value == aws.ToString(want.Value)
		}) {
			wrong = append(wrong, want)
		}
	}
	return wrong
}

func putTags(ctx context.Context, c *AWS, id string, tags []ec2types.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if _, err := c.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: tags}); err != nil {
		return fmt.Errorf("tag %s: %w", id, err)
	}
	return nil
}

// undoTags gives the former values back and takes the others off. A tag is taken off by key and value: were it
// somebody else's by now, AWS leaves it.
func undoTags(ctx context.Context, c *AWS, t Target, before, now instanceTags) error {
	var restore, remove []ec2types.Tag
	for _, b := range before.Tags {
		value := now.value(b.Key)
		switch {
		case b.Value != nil && (value == nil || *value != *b.Value):
			restore = append(restore, tag(b.Key, *b.Value))
		case b.Value == nil && value != nil:
			remove = append(remove, tag(b.Key, *value))
		}
	}
	if err := putTags(ctx, c, t.ID, restore); err != nil {
		return err
	}
	if len(remove) == 0 {
		return nil
	}
	if _, err := c.EC2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{t.ID}, Tags: remove}); err != nil {
		return fmt.Errorf("take cordon's tags off %s: %w", t.ID, err)
	}
	return nil
}
