package action

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DisableServiceCredentials makes a user's passwords and API keys for single services Inactive: Git over HTTPS in
// CodeCommit, Keyspaces, the long-term API keys of Bedrock and CloudWatch Logs. They are no access keys, and survive
// the disabling of those. An Expired one stays as it is.
var DisableServiceCredentials = disable(credentialKind{
	name:    "iam-disable-service-credentials",
	summary: "Make all service-specific credentials of the user Inactive: Git passwords, Keyspaces, API keys of Bedrock and CloudWatch Logs.",
	one:     "service-specific credential",
	reads:   Ops{op((*iam.Client).ListServiceSpecificCredentials), op((*iam.Client).GetUser)},
	writes:  Ops{op((*iam.Client).UpdateServiceSpecificCredential)},
	list: func(ctx context.Context, c *AWS, user string) (map[string]string, error) {
		all, err := ServiceCredentials(ctx, c, user)
		if err != nil {
			return nil, err
		}
		status := map[string]string{}
		for _, m := range all {
			status[aws.ToString(m.ServiceSpecificCredentialId)] = string(m.Status)
		}
		return status, nil
	},
	set: func(ctx context.Context, c *AWS, user, id string, status iamtypes.StatusType) error {
		_, err := c.IAM.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{
			UserName: aws.String(user), ServiceSpecificCredentialId: aws.String(id), Status: status,
		})
		return err
	},
	impact: func(ctx context.Context, c *AWS, user string, active []string) ([]string, error) {
		all, err := ServiceCredentials(ctx, c, user)
		var lines []string
		for _, m := range all {
			if slices.Contains(active, aws.ToString(m.ServiceSpecificCredentialId)) {
				lines = append(lines, serviceCredential(m))
			}
		}
		slices.Sort(lines)
		return lines, err
	},
})

// ServiceCredentials lists a user's service-specific credentials. The SDK has no paginator for them.
func ServiceCredentials(ctx context.Context, c *AWS, user string) ([]iamtypes.ServiceSpecificCredentialMetadata, error) {
	var all []iamtypes.ServiceSpecificCredentialMetadata
	in := &iam.ListServiceSpecificCredentialsInput{UserName: aws.String(user)}
	for {
		page, err := c.IAM.ListServiceSpecificCredentials(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.ServiceSpecificCredentials...)
		switch {
		case !page.IsTruncated:
			return all, nil
		case page.Marker == nil, in.Marker != nil && *page.Marker == *in.Marker:
			return nil, fmt.Errorf("list the service-specific credentials of user %s: AWS says that there are more and not where", user)
		}
		in.Marker = page.Marker
	}
}

// serviceCredential says what stops working. IAM does not tell when it was used.
func serviceCredential(m iamtypes.ServiceSpecificCredentialMetadata) string {
	line := aws.ToString(m.ServiceSpecificCredentialId) + " is for " + aws.ToString(m.ServiceName)
	for _, name := range []*string{m.ServiceUserName, m.ServiceCredentialAlias} {
		if aws.ToString(name) != "" {
			line += ", as " + aws.ToString(name)
		}
	}
	if m.CreateDate != nil {
		line += ", made " + m.CreateDate.UTC().Format(time.RFC3339)
	}
	return line
}
