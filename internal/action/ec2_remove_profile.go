package action

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// profileAssociation is the instance profile in force. Moving is associating or disassociating. The
// association's id is left out, as it is another one after the profile has been put back.
type profileAssociation struct {
	Profile   string `json:"profile"` // ARN, "" for none
	ProfileID string `json:"profile_id,omitempty"`
	Moving    string `json:"moving,omitempty"`

	association string
}

// RemoveProfile stops the instance metadata from handing out new credentials. Those already handed out live on
// until they expire: the deny on the role's session is what cuts them, and comes first.
var RemoveProfile = define(Spec[profileAssociation]{
	Name:       "ec2-remove-profile",
	Summary:    "Take the instance profile off. The instance gets no new credentials; whatever on it uses AWS stops working.",
	Phase:      casefile.Contain,
	Target:     casefile.EC2Instance,
	Reads:      Ops{op((*ec2.Client).DescribeIamInstanceProfileAssociations)},
	Writes:     Ops{op((*ec2.Client).DisassociateIamInstanceProfile)},
	UndoReads:  Ops{op((*iam.Client).GetInstanceProfile)},
	UndoWrites: Ops{op((*ec2.Client).AssociateIamInstanceProfile)},
	Observe:    observeProfile,
	Status: func(_ Target, now profileAssociation) Status {
		switch {
		case now.Moving != "":
			return Waiting
		case now.Profile == "":
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ profileAssociation) error {
		now, err := observeProfile(ctx, c, t) // for the association's id, which the state does not hold
		if err != nil {
			return err
		}
		if now.association == "" || now.Moving != "" {
			return nil
		}
		_, err = c.EC2.DisassociateIamInstanceProfile(ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: aws.String(now.association)})
		if err != nil {
			return fmt.Errorf("take the instance profile off %s: %w", t.ID, err)
		}
		return nil
	},
	Undo: undoProfile,
	Change: func(_ Target, now profileAssociation) string {
		return now.Profile[strings.LastIndex(now.Profile, "/")+1:] + " -> no profile"
	},
})

func observeProfile(ctx context.Context, c *AWS, t Target) (profileAssociation, error) {
	var now profileAssociation
	pages := ec2.NewDescribeIamInstanceProfileAssociationsPaginator(c.EC2, &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []ec2types.Filter{ec2Filter("instance-id", t.ID)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return now, fmt.Errorf("read the instance profile of %s: %w", t.ID, err)
		}
		for _, a := range page.IamInstanceProfileAssociations {
			if aws.ToString(a.InstanceId) != t.ID || a.IamInstanceProfile == nil || a.State == ec2types.IamInstanceProfileAssociationStateDisassociated {
				continue
			}
			now.Profile, now.ProfileID = aws.ToString(a.IamInstanceProfile.Arn), aws.ToString(a.IamInstanceProfile.Id)
			now.association = aws.ToString(a.AssociationId)
			if a.State != ec2types.IamInstanceProfileAssociationStateAssociated {
				now.Moving = string(a.State)
			}
		}
	}
	return now, nil
}

// undoProfile makes sure first that the name still means the profile that was taken off: with rights on IAM,
// somebody could have made another one of the same name with a stronger role in it.
func undoProfile(ctx context.Context, c *AWS, t Target, before, now profileAssociation) error {
	if before.Profile == "" || now.Profile != "" {
		return nil
	}
	name := before.Profile[strings.LastIndex(before.Profile, "/")+1:]
	out, err := c.IAM.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if err != nil {
		return fmt.Errorf("look at the instance profile %s before putting it back: %w", name, err)
	}
	if got := aws.ToString(out.InstanceProfile.InstanceProfileId); got != before.ProfileID {
		return fmt.Errorf("the instance profile %s is not the one that was taken off (%s, was %s): it is not put back", name, got, before.ProfileID)
	}
	_, err = c.EC2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
		InstanceId: aws.String(t.ID), IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Arn: aws.String(before.Profile)},
	})
	if err != nil {
		return fmt.Errorf("put the instance profile %s back on %s: %w", name, t.ID, err)
	}
	return nil
}
