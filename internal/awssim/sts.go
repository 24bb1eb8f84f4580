package awssim

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func stsHandlers() []handler {
	return []handler{read(getCallerIdentity), read(getAccessKeyInfo)}
}

// getCallerIdentity answers for the ARN that the config was attached as. UserId
// takes the forms of docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable:
// AROA…:session for an assumed role, AIDA… for a user, the account for root.
func getCallerIdentity(r *Request, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	account, user := r.Account.ID, "AIDASIMULATEDUSER"
	if parts := strings.SplitN(r.Actor, ":", 6); len(parts) == 6 {
		account = parts[4]
		switch resource := strings.Split(parts[5], "/"); {
		case resource[0] == "assumed-role" && len(resource) == 3:
			user = "AROASIMULATEDROLE:" + resource[2]
		case resource[0] == "root":
			user = account
		}
	}
	return &sts.GetCallerIdentityOutput{Account: aws.String(account), Arn: aws.String(r.Actor), UserId: aws.String(user)}, nil
}

// A key tells its account, whatever became of the key, and to anybody; one that
// nobody has is an error.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
func getAccessKeyInfo(r *Request, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	id := aws.ToString(in.AccessKeyId)
	account, ok := r.Account.IAM.KeysElsewhere[id]
	if !ok && r.World.everKnown[id] || strings.HasPrefix(id, "ASIA") {
		account, ok = r.Account.ID, true
	}
	if !ok {
		return nil, fail("ValidationError", "The access key %s does not exist.", id)
	}
	return &sts.GetAccessKeyInfoOutput{Account: aws.String(account)}, nil
}
