package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// DisableCertificates makes a user's X.509 signing certificates Inactive
// (docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSigningCertificate.html).
var DisableCertificates = disable(credentialKind{
	name:    "iam-disable-signing-certificates",
	summary: "Make all signing certificates of the user Inactive.",
	one:     "signing certificate",
	reads:   Ops{op((*iam.Client).ListSigningCertificates), op((*iam.Client).GetUser)},
	writes:  Ops{op((*iam.Client).UpdateSigningCertificate)},
	list: func(ctx context.Context, c *AWS, user string) (map[string]string, error) {
		status := map[string]string{}
		pages := iam.NewListSigningCertificatesPaginator(c.IAM, &iam.ListSigningCertificatesInput{UserName: aws.String(user)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, m := range page.Certificates {
				status[aws.ToString(m.CertificateId)] = string(m.Status)
			}
		}
		return status, nil
	},
	set: func(ctx context.Context, c *AWS, user, id string, status iamtypes.StatusType) error {
		_, err := c.IAM.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: aws.String(user), CertificateId: aws.String(id), Status: status})
		return err
	},
	impact: theyStop("requests that are signed with it fail; IAM does not know when it was last used"),
})
