package awssim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ECSState is a region's clusters, tasks and task definitions, by ARN.
type ECSState struct {
	Clusters    map[string]*ECSCluster        `dump:"ecs/cluster"`
	Tasks       map[string]*ECSTask           `dump:"ecs/task"`
	Definitions map[string]*ECSTaskDefinition `dump:"ecs/task-definition"`
}

func newECSState() ECSState {
	return ECSState{Clusters: map[string]*ECSCluster{}, Tasks: map[string]*ECSTask{}, Definitions: map[string]*ECSTaskDefinition{}}
}

// ECSCluster is a cluster.
type ECSCluster struct{ ARN, Name string }

// ECSTask is a task. The roles are those that it was started with instead of
// its definition's, "" where it has those.
type ECSTask struct {
	ARN, Cluster, Definition string // ARNs
	Group                    string // service:NAME or family:NAME
	Status                   string // RUNNING, STOPPED
	TaskRole, ExecutionRole  string // ARNs
}

// ECSTaskDefinition is one revision of a task definition.
type ECSTaskDefinition struct {
	ARN, Family             string
	Revision                int32
	TaskRole, ExecutionRole string // ARNs
}

func ecsHandlers() []handler {
	return []handler{
		read(ecsListClusters),
		read(ecsListTasks),
		read(ecsDescribeTasks),
		read(ecsDescribeTaskDefinition),
	}
}

// AddCluster puts a cluster in place and gives its ARN.
func (w *World) AddCluster(region, name string) string {
	var arn string
	w.Do(func(a *Account) {
		arn = a.arn("ecs", region, "cluster/"+name)
		a.Region(region).ECS.Clusters[arn] = &ECSCluster{ARN: arn, Name: name}
	})
	return arn
}

// AddTaskDefinition puts a task definition in place and gives its ARN.
func (w *World) AddTaskDefinition(region string, d ECSTaskDefinition) string {
	w.Do(func(a *Account) {
		if d.Revision == 0 {
			d.Revision = 1
		}
		d.ARN = a.arn("ecs", region, "task-definition/"+d.Family+":1")
		a.Region(region).ECS.Definitions[d.ARN] = &d
	})
	return d.ARN
}

// AddTask puts a task in place, running unless it says otherwise, and gives
// its ARN.
func (w *World) AddTask(region string, t ECSTask) string {
	w.mu.Lock()
	id := w.newID("t") + w.newID("t")
	w.mu.Unlock()
	w.Do(func(a *Account) {
		r := a.Region(region)
		cluster := mustHave(r.ECS.Clusters, t.Cluster)
		d := mustHave(r.ECS.Definitions, t.Definition)
		t.ARN = a.arn("ecs", region, "task/"+cluster.Name+"/"+strings.ReplaceAll(id, "t-0", "")[:32])
		t.Group, t.Status = orElse(t.Group, "family:"+d.Family), orElse(t.Status, "RUNNING")
		r.ECS.Tasks[t.ARN] = &t
	})
	return t.ARN
}

func (a *Account) arn(service, region, resource string) string {
	return strings.Join([]string{"arn", a.Partition, service, region, a.ID, resource}, ":")
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListClusters.html
func ecsListClusters(r *Request, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	arns, next, err := page(r, sortedKeys(view(r, r.Region.ECS.Clusters)), func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ecs.ListClustersOutput{ClusterArns: arns, NextToken: next}, nil
}

// ecsCluster finds a cluster by name or ARN; none named is the one called default.
func ecsCluster(r *Request, nameOrARN *string) (*ECSCluster, error) {
	named := orElse(aws.ToString(nameOrARN), "default")
	for _, c := range view(r, r.Region.ECS.Clusters) {
		if c.ARN == named || c.Name == named {
			return c, nil
		}
	}
	return nil, modelled(400, &types.ClusterNotFoundException{Message: aws.String("Cluster not found.")})
}

// Tasks whose desired status is RUNNING are listed unless another is asked for.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html
func ecsListTasks(r *Request, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	cluster, err := ecsCluster(r, in.Cluster)
	if err != nil {
		return nil, err
	}
	status := orElse(string(in.DesiredStatus), "RUNNING")
	var arns []string
	for _, t := range view(r, r.Region.ECS.Tasks) {
		if t.Cluster == cluster.ARN && t.Status == status {
			arns = append(arns, t.ARN)
		}
	}
	arns, next, err := page(r, arns, func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ecs.ListTasksOutput{TaskArns: arns, NextToken: next}, nil
}

// Up to 100 tasks; those that are not there are failures of an answer that
// succeeds.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
func ecsDescribeTasks(r *Request, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	cluster, err := ecsCluster(r, in.Cluster)
	if err != nil {
		return nil, err
	}
	if n := len(in.Tasks); n == 0 || n > 100 {
		return nil, modelled(400, &types.InvalidParameterException{Message: aws.String("Tasks must have 1 to 100 entries.")})
	}
	out := &ecs.DescribeTasksOutput{}
	for _, arn := range in.Tasks {
		t, ok := look(r, r.Region.ECS.Tasks, arn)
		if !ok || t.Cluster != cluster.ARN {
			out.Failures = append(out.Failures, types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")})
			continue
		}
		out.Tasks = append(out.Tasks, types.Task{
			TaskArn: aws.String(t.ARN), ClusterArn: aws.String(t.Cluster), TaskDefinitionArn: aws.String(t.Definition), Group: aws.String(t.Group),
			LastStatus: aws.String(t.Status), DesiredStatus: aws.String(t.Status),
			Overrides: &types.TaskOverride{TaskRoleArn: optional(t.TaskRole), ExecutionRoleArn: optional(t.ExecutionRole)},
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html
func ecsDescribeTaskDefinition(r *Request, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	named := aws.ToString(in.TaskDefinition)
	all := view(r, r.Region.ECS.Definitions)
	i := slices.IndexFunc(sortedKeys(all), func(arn string) bool {
		return arn == named || strings.HasSuffix(arn, ":task-definition/"+named)
	})
	if i < 0 {
		return nil, modelled(400, &types.ClientException{Message: aws.String("Unable to describe task definition.")})
	}
	d := all[sortedKeys(all)[i]]
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{
		TaskDefinitionArn: aws.String(d.ARN), Family: aws.String(d.Family), Revision: d.Revision, TaskRoleArn: optional(d.TaskRole), ExecutionRoleArn: optional(d.ExecutionRole),
	}}, nil
}
