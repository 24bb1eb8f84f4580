package awssim

import (
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// ownCredentials are the operations that are about the caller's own credentials
// where no user is named. The one caller here who has some and is no user is
// the root user, in a session that AssumeRoot opened: the simulator does not
// see credentials, and knows it by that.
var ownCredentials = []string{
	"ListAccessKeys", "ListMFADevices", "ListSigningCertificates", "GetLoginProfile",
	"DeleteAccessKey", "DeactivateMFADevice", "DeleteSigningCertificate", "DeleteLoginProfile",
}

// asRoot gives the root user's ARN to a call that only its session makes.
func (w *World) asRoot(call Call) string {
	if call.Service != "iam" || !slices.Contains(ownCredentials, call.Operation) {
		return call.Actor
	}
	if name, ok := reflect.ValueOf(call.Input).Elem().FieldByName("UserName").Interface().(*string); !ok || name != nil {
		return call.Actor
	}
	return w.account.globalARN("iam", "root")
}

func isRoot(actor string) bool { return strings.HasSuffix(actor, ":root") }

func rootHandlers() []handler {
	return []handler{
		read(assumeRoot),
		read(iamListOrganizationsFeatures),
		write(rootDeleteAccessKey),
		write(rootDeleteSigningCertificate),
		write(rootDeactivateMFADevice),
		write(rootDeleteLoginProfile),
	}
}

// AssumeRoot opens a session of a member account's root user, for one of the
// tasks that AWS has a policy for, where the organisation has central root
// access enabled.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html
func assumeRoot(r *Request, in *sts.AssumeRootInput) (*sts.AssumeRootOutput, error) {
	o := &r.Account.Org
	task := ""
	if in.TaskPolicyArn != nil {
		task = aws.ToString(in.TaskPolicyArn.Arn)
	}
	if !strings.HasPrefix(task, "arn:"+r.Account.Partition+":iam::aws:policy/root-task/") {
		return nil, fail("ValidationError", "The task policy %s is not valid.", task)
	}
	if o.ID == "" || !o.CentralRoot || r.callerAccount() != o.Management || aws.ToString(in.TargetPrincipal) != r.Account.ID {
		return nil, failWith(403, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRoot on resource: %s", r.Actor, aws.ToString(in.TargetPrincipal))
	}
	return &sts.AssumeRootOutput{Credentials: &ststypes.Credentials{
		AccessKeyId: aws.String("ASIASIMULATEDROOT000"), SecretAccessKey: aws.String("simulated"), SessionToken: aws.String("simulated"),
		Expiration: aws.Time(r.Now.Add(15 * 60 * 1e9)),
	}}, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListOrganizationsFeatures.html
func iamListOrganizationsFeatures(r *Request, _ *iam.ListOrganizationsFeaturesInput) (*iam.ListOrganizationsFeaturesOutput, error) {
	o := &r.Account.Org
	if o.ID == "" {
		return nil, modelled(400, &types.OrganizationNotFoundException{Message: aws.String("No organization is associated with your account.")})
	}
	if r.callerAccount() != o.Management {
		return nil, modelled(400, &types.AccountNotManagementOrDelegatedAdministratorException{Message: aws.String("The account is neither the management account nor a delegated administrator.")})
	}
	out := &iam.ListOrganizationsFeaturesOutput{OrganizationId: aws.String(o.ID)}
	if o.CentralRoot {
		out.EnabledFeatures = []types.FeatureType{types.FeatureTypeRootCredentialsManagement}
	}
	return out, nil
}

// rootAsUser is what the root user has, in the shape of a user.
func (s *IAMState) rootAsUser() *User {
	u := &User{Keys: s.Root.Keys, Certificates: s.Root.Certificates}
	if s.Root.MFA {
		u.MFA = []string{"root-account-mfa-device"}
	}
	if s.Root.Password {
		u.Login = &LoginProfile{}
	}
	return u
}

func rootDeleteAccessKey(r *Request, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	keys := &r.Account.IAM.Root.Keys
	i := slices.IndexFunc(*keys, func(k UserKey) bool { return k.ID == aws.ToString(in.AccessKeyId) })
	if !isRoot(r.Actor) || i < 0 {
		return nil, noSuchEntity("The Access Key with id %s cannot be found.", aws.ToString(in.AccessKeyId))
	}
	*keys = slices.Delete(slices.Clone(*keys), i, i+1)
	return &iam.DeleteAccessKeyOutput{}, nil
}

func rootDeleteSigningCertificate(r *Request, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	all := &r.Account.IAM.Root.Certificates
	i := slices.IndexFunc(*all, func(c Certificate) bool { return c.ID == aws.ToString(in.CertificateId) })
	if !isRoot(r.Actor) || i < 0 {
		return nil, noSuchEntity("The Certificate with id %s cannot be found.", aws.ToString(in.CertificateId))
	}
	*all = slices.Delete(slices.Clone(*all), i, i+1)
	return &iam.DeleteSigningCertificateOutput{}, nil
}

func rootDeactivateMFADevice(r *Request, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	if !isRoot(r.Actor) || !r.Account.IAM.Root.MFA {
		return nil, noSuchEntity("The MFA device %s cannot be found.", aws.ToString(in.SerialNumber))
	}
	r.Account.IAM.Root.MFA = false
	return &iam.DeactivateMFADeviceOutput{}, nil
}

func rootDeleteLoginProfile(r *Request, _ *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	if !isRoot(r.Actor) || !r.Account.IAM.Root.Password {
		return nil, modelled(404, &types.NoSuchEntityException{Message: aws.String("Login Profile for User root cannot be found.")})
	}
	r.Account.IAM.Root.Password = false
	return &iam.DeleteLoginProfileOutput{}, nil
}
