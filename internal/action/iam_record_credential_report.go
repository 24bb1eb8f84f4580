package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// RecordCredentialReport keeps IAM's credential report: every user of the account with passwords, first two keys, MFA
// and certificates. AWS makes it in the background, and gives one that is less than four hours old instead of a new one
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html), so when it was made is kept beside it.
var RecordCredentialReport = gather(Gather{
	Name:     "iam-record-credential-report",
	Summary:  "Have IAM make its credential report and keep it: every user of the account with its passwords, keys, MFA and certificates.",
	Phase:    casefile.Preserve,
	Target:   casefile.AWSAccount,
	Deadline: 10 * 60,
	Reads:    Ops{op((*iam.Client).GenerateCredentialReport), op((*iam.Client).GetCredentialReport)},
	Collect: func(ctx context.Context, c *AWS, _ Target, sink Sink) error {
		const name = "credential report"
		ready, err := askForReport(ctx, c)
		if err != nil {
			return sink.Loss(name, "iam:GenerateCredentialReport", err.Error())
		}
		if !ready {
			return fmt.Errorf("the credential report: %w", ErrWaiting)
		}
		report, err := c.IAM.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
		if hasCode(err, "ReportInProgress", "ReportNotPresent", "ReportExpired") {
			return fmt.Errorf("the credential report: %w", ErrWaiting)
		}
		if err != nil {
			return sink.Loss(name, "iam:GetCredentialReport", err.Error())
		}
		made, err := answerJSON(map[string]any{"GeneratedTime": report.GeneratedTime, "ReportFormat": report.ReportFormat})
		if err != nil {
			return err
		}
		return errors.Join(sink.Artifact(name, "iam:GetCredentialReport", report.Content), sink.Artifact(name+", when it was made", "iam:GetCredentialReport", made))
	},
	Change: func(Target) string { return "made by IAM, then read; it may be up to 4 hours old" },
})
