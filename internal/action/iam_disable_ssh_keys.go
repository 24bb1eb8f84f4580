package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DisableSSHKeys makes a user's SSH public keys Inactive. They open CodeCommit's repositories alone
// (docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSSHPublicKey.html).
var DisableSSHKeys = disable(credentialKind{
	name:    "iam-disable-ssh-keys",
	summary: "Make all SSH public keys of the user Inactive: Git over SSH in CodeCommit.",
	one:     "SSH public key",
	reads:   Ops{op((*iam.Client).ListSSHPublicKeys), op((*iam.Client).GetUser)},
	writes:  Ops{op((*iam.Client).UpdateSSHPublicKey)},
	list: func(ctx context.Context, c *AWS, user string) (map[string]string, error) {
		status := map[string]string{}
		pages := iam.NewListSSHPublicKeysPaginator(c.IAM, &iam.ListSSHPublicKeysInput{UserName: aws.String(user)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, m := range page.SSHPublicKeys {
				status[aws.ToString(m.SSHPublicKeyId)] = string(m.Status)
			}
		}
		return status, nil
	},
	set: func(ctx context.Context, c *AWS, user, id string, status iamtypes.StatusType) error {
		_, err := c.IAM.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: aws.String(user), SSHPublicKeyId: aws.String(id), Status: status})
		return err
	},
	impact: theyStop("Git over SSH in CodeCommit fails; IAM does not know when it was last used"),
})
