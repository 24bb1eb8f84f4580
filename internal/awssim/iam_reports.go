package awssim

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// RootUser is what the account's root user has.
type RootUser struct {
	Keys         []UserKey
	MFA          bool
	Certificates []Certificate
	Password     bool
}

// CredentialReport is the report as it was made last.
type CredentialReport struct {
	Made    time.Time
	Content string
}

func iamReportHandlers() []handler {
	return []handler{
		read(iamGetAccountAuthorizationDetails),
		read(iamGetAccountSummary),
		read(iamGenerateCredentialReport), // it changes nothing but the report
		read(iamGetCredentialReport),
	}
}

// One list holds users, groups, roles and policies, and pages run over all of
// them. Inline documents are percent-encoded.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
func iamGetAccountAuthorizationDetails(r *Request, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	wanted := func(e types.EntityType) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, e) }
	users, roles := view(r, r.Account.IAM.Users), view(r, r.Account.IAM.Roles)
	groups, policies := view(r, r.Account.IAM.Groups), view(r, r.Account.IAM.Policies)
	var all []string
	add := func(e types.EntityType, names []string) {
		if !wanted(e) {
			return
		}
		for _, n := range names {
			all = append(all, string(e)+"/"+n)
		}
	}
	add(types.EntityTypeUser, sortedKeys(users))
	add(types.EntityTypeGroup, sortedKeys(groups))
	add(types.EntityTypeRole, sortedKeys(roles))
	add(types.EntityTypeLocalManagedPolicy, sortedKeys(policies))
	names, next, err := page(r, all, func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{Marker: next, IsTruncated: next != nil}
	for _, n := range names {
		kind, name, _ := strings.Cut(n, "/")
		switch types.EntityType(kind) {
		case types.EntityTypeUser:
			out.UserDetailList = append(out.UserDetailList, userDetail(users[name]))
		case types.EntityTypeRole:
			out.RoleDetailList = append(out.RoleDetailList, roleDetail(roles[name]))
		case types.EntityTypeGroup:
			out.GroupDetailList = append(out.GroupDetailList, groupDetail(groups[name]))
		default:
			out.Policies = append(out.Policies, r.policyDetail(policies[name]))
		}
	}
	return out, nil
}

func userDetail(u *User) types.UserDetail {
	base := userOut(u)
	return types.UserDetail{
		Arn: base.Arn, UserId: base.UserId, UserName: base.UserName, Path: base.Path, CreateDate: base.CreateDate, Tags: base.Tags,
		PermissionsBoundary: base.PermissionsBoundary, GroupList: slices.Clone(u.Groups),
		UserPolicyList: inlineOut(u.Inline), AttachedManagedPolicies: attachedOut(u.Attached),
	}
}

func groupDetail(g *Group) types.GroupDetail {
	return types.GroupDetail{
		Arn: aws.String(g.ARN), GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Path: aws.String(g.Path), CreateDate: aws.Time(g.Created),
		GroupPolicyList: inlineOut(g.Inline), AttachedManagedPolicies: attachedOut(g.Attached),
	}
}

func (r *Request) policyDetail(p *ManagedPolicy) types.ManagedPolicyDetail {
	base := r.policyOut(p)
	return types.ManagedPolicyDetail{
		Arn: base.Arn, PolicyName: base.PolicyName, PolicyId: base.PolicyId, Path: base.Path, Description: base.Description,
		AttachmentCount: base.AttachmentCount, DefaultVersionId: base.DefaultVersionId, IsAttachable: true, CreateDate: base.CreateDate, UpdateDate: base.UpdateDate,
		PolicyVersionList: []types.PolicyVersion{{
			VersionId: base.DefaultVersionId, IsDefaultVersion: true, CreateDate: base.CreateDate, Document: aws.String(percentEncode(p.Document)),
		}},
	}
}

func roleDetail(role *Role) types.RoleDetail {
	return types.RoleDetail{
		Arn: aws.String(role.ARN), RoleId: aws.String(role.ID), RoleName: aws.String(role.Name), Path: aws.String(role.Path),
		CreateDate: aws.Time(role.Created), AssumeRolePolicyDocument: aws.String(percentEncode(role.Trust)),
		RolePolicyList: inlineOut(role.Inline), AttachedManagedPolicies: attachedOut(role.Attached),
	}
}

func inlineOut(inline map[string]string) []types.PolicyDetail {
	var list []types.PolicyDetail
	for _, n := range sortedKeys(inline) {
		list = append(list, types.PolicyDetail{PolicyName: aws.String(n), PolicyDocument: aws.String(percentEncode(inline[n]))})
	}
	return list
}

func attachedOut(attached map[string]string) []types.AttachedPolicy {
	var list []types.AttachedPolicy
	for _, arn := range sortedKeys(attached) {
		list = append(list, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(attached[arn])})
	}
	return list
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html
func iamGetAccountSummary(r *Request, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	one := func(b bool) int32 {
		if b {
			return 1
		}
		return 0
	}
	root := r.Account.IAM.Root
	return &iam.GetAccountSummaryOutput{SummaryMap: map[string]int32{
		"Users": int32(len(r.Account.IAM.Users)), "Roles": int32(len(r.Account.IAM.Roles)),
		"AccountAccessKeysPresent": one(len(root.Keys) > 0), "AccountMFAEnabled": one(root.MFA),
		"UserPolicySizeQuota": userInlineQuota, "AttachedPoliciesPerUserQuota": attachedQuota, "AccessKeysPerUserQuota": 2,
		"AssumeRolePolicySizeQuota": int32(cmp.Or(r.Account.IAM.TrustQuota, trustQuota)), "RolePolicySizeQuota": inlineQuota,
		"AttachedPoliciesPerRoleQuota": int32(cmp.Or(r.Account.IAM.RoleAttachedQuota, roleAttachedQuota)),
		"AccountPasswordPresent":       one(root.Password), "AccountSigningCertificatesPresent": one(len(root.Certificates) > 0),
	}}, nil
}

// A report is made at most every four hours; within them the last one is given
// again. It takes seconds to make.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
func iamGenerateCredentialReport(r *Request, _ *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	s := &r.Account.IAM
	if s.Report != nil && r.Now.Sub(s.Report.Made) < 4*time.Hour {
		return &iam.GenerateCredentialReportOutput{State: types.ReportStateTypeComplete}, nil
	}
	state := types.ReportStateTypeInprogress
	if !s.reporting {
		state = types.ReportStateTypeStarted
		s.reporting = true
		account := r.Account
		r.later("credential-report", 5*time.Second, func(now time.Time) {
			s.reporting, s.Report = false, &CredentialReport{now, account.credentialReport()}
		})
	}
	return &iam.GenerateCredentialReportOutput{
		State: state, Description: aws.String("No report exists. Starting a new report generation task"),
	}, nil
}

// reportColumns are the report's columns, in its order
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html).
var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated", "additional_credentials_info",
}

func (a *Account) credentialReport() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(reportColumns)
	root := a.IAM.Root
	_ = w.Write(slices.Concat([]string{"<root_account>", a.globalARN("iam", "root"), "", fmt.Sprint(root.Password), "N/A", "not_supported", "not_supported", fmt.Sprint(root.MFA)},
		reportedKeys(root.Keys), reportedCertificates(root.Certificates), []string{"N/A"}))
	for _, n := range sortedKeys(a.IAM.Users) {
		u := a.IAM.Users[n]
		used, changed := "N/A", "N/A"
		if u.Login != nil {
			used, changed = "no_information", stampOf(u.Login.Created)
			if !u.PasswordUsed.IsZero() {
				used = stampOf(u.PasswordUsed)
			}
		}
		_ = w.Write(slices.Concat([]string{u.Name, u.ARN, stampOf(u.Created), fmt.Sprint(u.Login != nil), used, changed, "N/A", fmt.Sprint(len(u.MFA) > 0)},
			reportedKeys(u.Keys), reportedCertificates(u.Certificates), []string{"N/A"}))
	}
	w.Flush()
	return b.String()
}

// The report knows the first two keys and certificates of each user.
func reportedKeys(keys []UserKey) []string {
	var row []string
	for i := range 2 {
		cells := []string{"false", "N/A", "N/A", "N/A", "N/A"}
		if i < len(keys) {
			k := keys[i]
			cells[0], cells[1] = fmt.Sprint(k.Active), stampOf(k.Created)
			if !k.LastUsed.IsZero() {
				cells[2], cells[3], cells[4] = stampOf(k.LastUsed), k.Region, k.Service
			}
		}
		row = append(row, cells...)
	}
	return row
}

func reportedCertificates(certificates []Certificate) []string {
	var row []string
	for i := range 2 {
		cells := []string{"false", "N/A"}
		if i < len(certificates) {
			cells = []string{fmt.Sprint(certificates[i].Active), stampOf(certificates[i].Uploaded)}
		}
		row = append(row, cells...)
	}
	return row
}

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html
func iamGetCredentialReport(r *Request, _ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	s := &r.Account.IAM
	switch {
	case s.reporting:
		return nil, modelled(404, &types.CredentialReportNotReadyException{Message: aws.String("Report generation is in progress.")})
	case s.Report == nil:
		return nil, modelled(410, &types.CredentialReportNotPresentException{Message: aws.String("Report not present; use GenerateCredentialReport.")})
	case r.Now.Sub(s.Report.Made) > 4*time.Hour:
		return nil, modelled(410, &types.CredentialReportExpiredException{Message: aws.String("Report expired; use GenerateCredentialReport.")})
	}
	return &iam.GetCredentialReportOutput{
		Content: []byte(s.Report.Content), GeneratedTime: aws.Time(s.Report.Made), ReportFormat: types.ReportFormatTypeTextCsv,
	}, nil
}
