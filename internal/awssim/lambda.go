package awssim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// LambdaState is a region's functions, by name.
type LambdaState struct {
	Functions map[string]*Function `dump:"lambda/function"`
}

func newLambdaState() LambdaState { return LambdaState{Functions: map[string]*Function{}} }

// Function is a Lambda function.
type Function struct{ Name, ARN, Role, Runtime string }

func lambdaHandlers() []handler {
	return []handler{read(lambdaListFunctions)}
}

// AddFunction puts a function in place and gives its ARN.
func (w *World) AddFunction(region string, f Function) string {
	w.Do(func(a *Account) {
		f.ARN, f.Runtime = a.arn("lambda", region, "function:"+f.Name), orElse(f.Runtime, "python3.13")
		a.Region(region).Lambda.Functions[f.Name] = &f
	})
	return f.ARN
}

// https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
func lambdaListFunctions(r *Request, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	all := view(r, r.Region.Lambda.Functions)
	names, next, err := page(r, sortedKeys(all), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListFunctionsOutput{NextMarker: next}
	for _, n := range names {
		f := all[n]
		out.Functions = append(out.Functions, types.FunctionConfiguration{
			FunctionName: aws.String(f.Name), FunctionArn: aws.String(f.ARN), Role: aws.String(f.Role), Runtime: types.Runtime(f.Runtime),
		})
	}
	return out, nil
}
