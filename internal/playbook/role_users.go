package playbook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
)

// roleUserReads is what shows who uses a role.
var roleUserReads = action.Ops{
	action.Call((*iam.Client).ListInstanceProfilesForRole),
	action.Call((*ec2.Client).DescribeRegions), action.Call((*ec2.Client).DescribeInstances),
	action.Call((*ecs.Client).ListClusters), action.Call((*ecs.Client).ListTasks), action.Call((*ecs.Client).DescribeTasks), action.Call((*ecs.Client).DescribeTaskDefinition),
	action.Call((*lambda.Client).ListFunctions),
}

// Bounds, so that a plan comes in time: what lies beyond is said to be unread.
const (
	usersPatience = 20 * time.Second
	tasksLookedAt = 1000 // in one region
	usersNamed    = 12   // of each kind
	unreadNamed   = 6
)

// roleUsers is what has the role, in every region that the account may use.
type roleUsers struct {
	regions int

	mu        sync.Mutex
	instances []string
	tasks     map[string]int // how many, by what they are part of
	functions []string
	unread    []string
}

// lookAtUsers asks every enabled region side by side. IAM is in all of them; instances, tasks and functions are not.
func (p *rolePlan) lookAtUsers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, usersPatience)
	defer cancel()
	profiles, err := p.profiles(ctx)
	if err != nil {
		return fmt.Errorf("list its instance profiles: %w", err)
	}
	regions, _, err := action.Regions(ctx, p.c, nil)
	if err != nil {
		return err
	}
	u := &roleUsers{regions: len(regions), tasks: map[string]int{}}
	var all errgroup.Group
	for _, region := range regions {
		there := p.c.In(region)
		for what, read := range map[string]func(context.Context, *action.AWS) error{
			"instances": func(ctx context.Context, c *action.AWS) error { return u.lookAtInstances(ctx, c, profiles) },
			"tasks":     func(ctx context.Context, c *action.AWS) error { return u.lookAtTasks(ctx, c, aws.ToString(p.role.Arn)) },
			"functions": func(ctx context.Context, c *action.AWS) error {
				return u.lookAtFunctions(ctx, c, aws.ToString(p.role.Arn))
			},
		} {
			all.Go(func() error {
				if err := read(ctx, there); err != nil {
					u.add(&u.unread, fmt.Sprintf("%s in %s (%s)", what, region, cmp.Or(action.Code(err), brief(err))))
				}
				return nil
			})
		}
	}
	_ = all.Wait() // none of them answers an error
	for _, list := range []*[]string{&u.instances, &u.functions, &u.unread} {
		slices.Sort(*list)
	}
	p.users = u
	return nil
}

// brief says why a look failed, and the same of the same account: the id of the request is another one each time.
func brief(err error) string {
	var api smithy.APIError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "not in time"
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return err.Error()
}

func (u *roleUsers) add(list *[]string, line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	*list = append(*list, line)
}

// profiles lists the ARNs of the instance profiles that hold the role: their names need not be its own.
func (p *rolePlan) profiles(ctx context.Context) ([]string, error) {
	var arns []string
	pages := iam.NewListInstanceProfilesForRolePaginator(p.c.IAM, &iam.ListInstanceProfilesForRoleInput{RoleName: p.role.RoleName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.InstanceProfiles {
			arns = append(arns, aws.ToString(i.Arn))
		}
	}
	return arns, nil
}

func (u *roleUsers) lookAtInstances(ctx context.Context, c *action.AWS, profiles []string) error {
	if len(profiles) == 0 {
		return nil
	}
	pages := ec2.NewDescribeInstancesPaginator(c.EC2, &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{
		filter("iam-instance-profile.arn", profiles...)[0],
		filter("instance-state-name", "pending", "running", "stopping", "stopped")[0],
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				u.add(&u.instances, c.Region+" "+instanceName(i))
			}
		}
	}
	return nil
}

// instanceName is id and name. The name is anybody's text: it is shown, never parsed.
func instanceName(i ec2types.Instance) string {
	for _, t := range i.Tags {
		if aws.ToString(t.Key) == "Name" && aws.ToString(t.Value) != "" {
			return fmt.Sprintf("%s %q", aws.ToString(i.InstanceId), aws.ToString(t.Value))
		}
	}
	return aws.ToString(i.InstanceId)
}

func (u *roleUsers) lookAtFunctions(ctx context.Context, c *action.AWS, role string) error {
	pages := lambda.NewListFunctionsPaginator(c.Lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, f := range page.Functions {
			if aws.ToString(f.Role) == role {
				u.add(&u.functions, c.Region+" "+aws.ToString(f.FunctionName))
			}
		}
	}
	return nil
}

// lookAtTasks finds the running tasks that have the role, as their own or as the one that starts them: by their
// definition, or by what they were started with instead.
func (u *roleUsers) lookAtTasks(ctx context.Context, c *action.AWS, role string) error {
	definitions := map[string]bool{} // has the role
	looked := 0
	clusters := ecs.NewListClustersPaginator(c.ECS, &ecs.ListClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, cluster := range page.ClusterArns {
			tasks := ecs.NewListTasksPaginator(c.ECS, &ecs.ListTasksInput{Cluster: aws.String(cluster)})
			for tasks.HasMorePages() {
				page, err := tasks.NextPage(ctx)
				if err != nil {
					return err
				}
				if looked += len(page.TaskArns); looked > tasksLookedAt {
					return fmt.Errorf("more than %d", tasksLookedAt)
				}
				if err := u.describeTasks(ctx, c, cluster, page.TaskArns, role, definitions); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (u *roleUsers) describeTasks(ctx context.Context, c *action.AWS, cluster string, arns []string, role string, definitions map[string]bool) error {
	if len(arns) == 0 {
		return nil
	}
	out, err := c.ECS.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: arns})
	if err != nil {
		return err
	}
	for _, t := range out.Tasks {
		has, err := taskHas(ctx, c, t, role, definitions)
		if err != nil {
			return err
		}
		if has {
			u.mu.Lock()
			u.tasks[fmt.Sprintf("%s %s in cluster %s", c.Region, aws.ToString(t.Group), cluster[strings.LastIndex(cluster, "/")+1:])]++
			u.mu.Unlock()
		}
	}
	return nil
}

func taskHas(ctx context.Context, c *action.AWS, t ecstypes.Task, role string, definitions map[string]bool) (bool, error) {
	if o := t.Overrides; o != nil && (aws.ToString(o.TaskRoleArn) == role || aws.ToString(o.ExecutionRoleArn) == role) {
		return true, nil
	}
	arn := aws.ToString(t.TaskDefinitionArn)
	if has, known := definitions[arn]; known {
		return has, nil
	}
	out, err := c.ECS.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if err != nil {
		return false, err
	}
	d := out.TaskDefinition
	definitions[arn] = d != nil && (aws.ToString(d.TaskRoleArn) == role || aws.ToString(d.ExecutionRoleArn) == role)
	return definitions[arn], nil
}

// impact says who is hit. alone: one session is cut, and these keep the role.
func (u *roleUsers) impact(alone bool) []string {
	if u == nil {
		return []string{"who else uses the role could not be read"}
	}
	tasks := 0
	var groups []string
	for _, g := range slices.Sorted(maps.Keys(u.tasks)) {
		tasks += u.tasks[g]
		groups = append(groups, fmt.Sprintf("%d of %s", u.tasks[g], g))
	}
	if n := len(u.instances) + tasks + len(u.functions); alone && n > 0 {
		line := fmt.Sprintf("%s, %s and %s in %s have the role, and keep it",
			count(len(u.instances), "instance"), count(tasks, "task"), count(len(u.functions), "function"), count(u.regions, "region"))
		return append([]string{line}, u.notRead()...)
	} else if alone {
		return append([]string{"no instance, task or function has the role " + u.where()}, u.notRead()...)
	}
	var lines []string
	for _, k := range []struct {
		n     int
		what  string
		names []string
	}{{len(u.instances), "instance", u.instances}, {tasks, "task", groups}, {len(u.functions), "function", u.functions}} {
		if k.n > 0 {
			lines = append(lines, someOf(count(k.n, k.what)+" with the role", k.names))
		}
	}
	if lines == nil {
		lines = append(lines, "no instance, task or function with the role "+u.where())
	} else {
		lines = append(lines, "these fail until they have new credentials, which AWS hands out when the old ones near their end, after hours: "+
			"to bring one back sooner, take the profile off the instance and put it on again, start the task anew, deploy the function")
	}
	lines = append(lines, u.notRead()...)
	return append(lines, "whoever else has assumed the role, person or account: each has to assume it anew")
}

// where is what was looked at: no more than could be read.
func (u *roleUsers) where() string {
	if len(u.unread) > 0 {
		return "where it could be read"
	}
	return "in " + count(u.regions, "region")
}

func (u *roleUsers) notRead() []string {
	if len(u.unread) == 0 {
		return nil
	}
	line := "who else uses it could not be read everywhere: " + strings.Join(u.unread[:min(len(u.unread), unreadNamed)], ", ")
	if more := len(u.unread) - unreadNamed; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return []string{line}
}

func someOf(line string, names []string) string {
	line += ": " + strings.Join(names[:min(len(names), usersNamed)], ", ")
	if more := len(names) - usersNamed; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
