package awssim

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestManagedPolicyComesAndGoes(t *testing.T) {
	s, c := newIAMScene(t)
	before := s.Dump()
	in := &iam.CreatePolicyInput{PolicyName: aws.String("cordon-1"), PolicyDocument: aws.String(denyAll), Tags: []types.Tag{{Key: aws.String("cordon:case"), Value: aws.String("c")}}}
	made, err := c.CreatePolicy(ctx, in)
	ok(t, err)
	_, err = c.CreatePolicy(ctx, in)
	wantCode(t, err, "EntityAlreadyExists")
	arn := made.Policy.Arn
	attach := func() error {
		_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("web-app"), PolicyArn: arn})
		return err
	}
	s.Do(func(a *Account) { a.IAM.RoleAttachedQuota = 3 })
	wantCode(t, attach(), "LimitExceeded")
	s.Do(func(a *Account) { a.IAM.RoleAttachedQuota = 0 })
	ok(t, attach())
	ok(t, attach())
	if !s.Denied("web-app", "AROAX:any", "s3:GetObject", time.Now()) {
		t.Error("an attached deny stops nobody")
	}
	version, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")})
	ok(t, err)
	if *version.PolicyVersion.Document == denyAll {
		t.Error("not percent-encoded")
	}
	s.AllowDeletes(true)
	_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	wantCode(t, err, "DeleteConflict")
	_, err = c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("web-app"), PolicyArn: arn})
	ok(t, err)
	_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	ok(t, err)
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Errorf("made and deleted again: %q", d)
	}
	wantNoViolation(t, s)
}

func TestDeniedBySourceIdentity(t *testing.T) {
	s, _ := newIAMScene(t)
	s.Do(func(a *Account) {
		a.IAM.Roles["web-app"].Inline["cut"] = `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceIdentity":"eve"}}}}`
	})
	for who, want := range map[string]bool{"eve": true, "ann": false, "": false} {
		if got := s.DeniedTo("web-app", Requester{UserID: "AROAX:s", SourceIdentity: who}, "s3:GetObject"); got != want {
			t.Errorf("source identity %q: denied %t", who, got)
		}
	}
}

func TestProvidersAreReadAndCut(t *testing.T) {
	s, c := newIAMScene(t)
	arn := aws.String(s.AddOIDCProvider("token.example.com", "sts.amazonaws.com", "app"))
	before := s.Dump()
	for range 2 {
		_, err := c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("app")})
		ok(t, err)
	}
	out, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	ok(t, err)
	if len(out.ClientIDList) != 1 || out.ClientIDList[0] != "sts.amazonaws.com" {
		t.Errorf("clients %q", out.ClientIDList)
	}
	for range 2 {
		_, err := c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: aws.String("app")})
		ok(t, err)
	}
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Errorf("removed and added again: %q", d)
	}
	_, err = c.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: aws.String("arn:aws:iam::111122223333:saml-provider/none")})
	wantCode(t, err, "NoSuchEntity")
	saml := aws.String(s.AddSAMLProvider("corp", "x"))
	_, err = c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: saml, SAMLMetadataDocument: aws.String(denyAll + string(make([]byte, 1000)))})
	wantCode(t, err, "InvalidInput")
	wantNoViolation(t, s)
}

func TestTasksAndFunctionsAreListed(t *testing.T) {
	s := newScene(t)
	role := "arn:aws:iam::111122223333:role/app"
	cluster := s.AddCluster(testRegion, "main")
	definition := s.AddTaskDefinition(testRegion, ECSTaskDefinition{Family: "web", TaskRole: role})
	for range 4 {
		s.AddTask(testRegion, ECSTask{Cluster: cluster, Definition: definition})
	}
	s.AddTask(testRegion, ECSTask{Cluster: cluster, Definition: definition, Status: "STOPPED"})
	c := ecs.NewFromConfig(s.cfg)
	var tasks []string
	for pages := ecs.NewListTasksPaginator(c, &ecs.ListTasksInput{Cluster: aws.String("main")}); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		ok(t, err)
		tasks = append(tasks, out.TaskArns...)
	}
	if len(tasks) != 4 {
		t.Fatalf("tasks %q", tasks)
	}
	out, err := c.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: append(tasks, "arn:gone")})
	ok(t, err)
	if len(out.Tasks) != 4 || len(out.Failures) != 1 {
		t.Errorf("described %d, failed %d", len(out.Tasks), len(out.Failures))
	}
	def, err := c.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: out.Tasks[0].TaskDefinitionArn})
	ok(t, err)
	if *def.TaskDefinition.TaskRoleArn != role || def.TaskDefinition.ExecutionRoleArn != nil {
		t.Errorf("roles %v %v", def.TaskDefinition.TaskRoleArn, def.TaskDefinition.ExecutionRoleArn)
	}
	_, err = c.ListTasks(ctx, &ecs.ListTasksInput{})
	wantCode(t, err, "ClusterNotFoundException")
	s.AddFunction(testRegion, Function{Name: "resize", Role: role})
	fns, err := lambda.NewFromConfig(s.cfg).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	ok(t, err)
	if len(fns.Functions) != 1 || *fns.Functions[0].Role != role {
		t.Errorf("functions %v", fns.Functions)
	}
}
