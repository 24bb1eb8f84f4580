package action

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"cordon/internal/casefile"
)

// The tasks that a root session can be opened for: each is a policy of AWS's own that bounds it
// (docs.aws.amazon.com/IAM/latest/UserGuide/security-iam-awsmanpol.html).
const (
	taskAudit  = "IAMAuditRootUserCredentials"
	taskDelete = "IAMDeleteRootUserCredentials"
)

// rootHas is what the root user of an account can be used with.
type rootHas struct {
	Keys         []string `json:"keys"`
	Certificates []string `json:"certificates"`
	MFA          []string `json:"mfa"`
	Password     bool     `json:"password"`
}

var rootReads = Ops{
	op((*sts.Client).AssumeRoot), op((*iam.Client).ListAccessKeys), op((*iam.Client).ListSigningCertificates),
	op((*iam.Client).ListMFADevices), op((*iam.Client).GetLoginProfile),
}

// asRoot opens a session of a member account's root user for one task, from the management account. It lives for 15
// minutes at most and is asked for anew each time (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html).
func (c *AWS) asRoot(ctx context.Context, account, task string) (*AWS, error) {
	outside, err := c.Outside(account)
	if err != nil {
		return nil, err
	}
	out, err := outside.STS.AssumeRoot(ctx, &sts.AssumeRootInput{
		TargetPrincipal: aws.String(account), DurationSeconds: aws.Int32(900),
		TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: aws.String("arn:" + c.Partition + ":iam::aws:policy/root-task/" + task)},
	})
	if err != nil {
		return nil, fmt.Errorf("open a session of account %s's root user: %w", account, err)
	}
	if out.Credentials == nil {
		return nil, fmt.Errorf("open a session of account %s's root user: AWS answered without credentials", account)
	}
	cfg := outside.cfg.Copy()
	k := out.Credentials
	cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(k.AccessKeyId), aws.ToString(k.SecretAccessKey), aws.ToString(k.SessionToken))
	root := connect(cfg, outside.lim)
	root.Account, root.Partition = account, c.Partition
	return root, nil
}

// RootUser reads what the root user of a member account has.
func rootUser(ctx context.Context, c *AWS, account string) (rootHas, error) {
	root, err := c.asRoot(ctx, account, taskAudit)
	if err != nil {
		return rootHas{}, err
	}
	has := rootHas{Keys: []string{}, Certificates: []string{}, MFA: []string{}}
	keys, err := root.IAM.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})
	if err != nil {
		return has, fmt.Errorf("list the root user's access keys: %w", err)
	}
	for _, k := range keys.AccessKeyMetadata {
		has.Keys = append(has.Keys, aws.ToString(k.AccessKeyId))
	}
	certificates, err := root.IAM.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{})
	if err != nil {
		return has, fmt.Errorf("list the root user's signing certificates: %w", err)
	}
	for _, x := range certificates.Certificates {
		has.Certificates = append(has.Certificates, aws.ToString(x.CertificateId))
	}
	devices, err := root.IAM.ListMFADevices(ctx, &iam.ListMFADevicesInput{})
	if err != nil {
		return has, fmt.Errorf("list the root user's MFA devices: %w", err)
	}
	for _, d := range devices.MFADevices {
		has.MFA = append(has.MFA, aws.ToString(d.SerialNumber))
	}
	_, err = root.IAM.GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return has, fmt.Errorf("ask whether the root user has a password: %w", err)
	}
	has.Password = err == nil
	slices.Sort(has.Keys)
	slices.Sort(has.Certificates)
	slices.Sort(has.MFA)
	return has, nil
}

// RecordRoot writes down what the root user of a member account has, which nobody inside can see.
var RecordRoot = gather(Gather{
	Name:     "root-record",
	Summary:  "Record what the root user has: access keys, certificates, MFA devices, a password. It is read in a root session that may do nothing else.",
	Phase:    casefile.Preserve,
	Target:   casefile.AWSAccount,
	Deadline: 5 * 60,
	AsRoot:   true,
	Reads:    rootReads,
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		r := newCollector(c, t, sink)
		r.read(ctx, "root user's credentials", "sts:AssumeRoot", func(ctx context.Context) (any, error) { return rootUser(ctx, c, t.ID) })
		return r.wait()
	},
	Change: func(Target) string { return "5 reads" },
})

// DeleteRootCredentials takes everything from the root user of a member account that it could be used with. AWS lets
// nobody else make them inactive, so that there is no step back: a new password is set by AWS's own recovery alone.
var DeleteRootCredentials = define(Spec[rootHas]{
	Name:    "root-delete-credentials",
	Summary: "Delete the root user's access keys, certificates, MFA devices and password. Nobody can use the root user then, the owner neither.",
	Phase:   casefile.Recover,
	Target:  casefile.AWSAccount,
	AsRoot:  true,
	Reads:   rootReads,
	Writes: Ops{
		op((*sts.Client).AssumeRoot), op((*iam.Client).DeleteAccessKey), op((*iam.Client).DeleteSigningCertificate),
		op((*iam.Client).DeactivateMFADevice), op((*iam.Client).DeleteLoginProfile),
	},
	Observe: func(ctx context.Context, c *AWS, t Target) (rootHas, error) { return rootUser(ctx, c, t.ID) },
	Status: func(_ Target, now rootHas) Status {
		if !now.Password && len(now.Keys)+len(now.Certificates)+len(now.MFA) == 0 {
			return Done
		}
		return Todo
	},
	Apply: deleteRootCredentials,
	Change: func(_ Target, now rootHas) string {
		return fmt.Sprintf("%s, %s, %s, password: %t -> none", plural(len(now.Keys), "access key"), plural(len(now.Certificates), "certificate"), plural(len(now.MFA), "MFA device"), now.Password)
	},
	Partial: true,
	// Whoever holds the root user can make it a key at any time, which must hold up nothing: all that it has goes.
	Volatile:     true,
	Irreversible: "deleted credentials cannot be made again; the owner gets a new password from the management account or by AWS's account recovery alone",
	AccountWide:  "it is the root user's",
})

func deleteRootCredentials(ctx context.Context, c *AWS, t Target, now rootHas) error {
	root, err := c.asRoot(ctx, t.ID, taskDelete)
	if err != nil {
		return err
	}
	var failed []error
	did := func(what string, err error) {
		if err != nil && !hasCode(err, "NoSuchEntity") {
			failed = append(failed, fmt.Errorf("delete the root user's %s: %w", what, err))
		}
	}
	for _, id := range now.Keys {
		_, err := root.IAM.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: aws.String(id)})
		did("access key "+id, err)
	}
	for _, id := range now.Certificates {
		_, err := root.IAM.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{CertificateId: aws.String(id)})
		did("certificate "+id, err)
	}
	if now.Password {
		_, err := root.IAM.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{})
		did("password", err)
		if err != nil && !hasCode(err, "NoSuchEntity") {
			return errors.Join(failed...) // a password without MFA would let in whoever knows it
		}
	}
	for _, id := range now.MFA {
		_, err := root.IAM.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{SerialNumber: aws.String(id)})
		did("MFA device "+id, err)
	}
	return errors.Join(failed...)
}
