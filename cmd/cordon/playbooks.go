package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/deploy"
	"cordon/internal/playbook"
)

func (a *app) playbooksCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "playbooks [NAME]",
		Short: "What each playbook does, step by step",
		Args:  atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, p := range playbook.All {
					a.say("%-12s %s", p.Name, p.Summary)
				}
				return nil
			}
			p, err := a.book(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, deploy.PlaybookText(p))
			return err
		},
	}
}

func (a *app) policyCommand() *cobra.Command {
	var o deploy.PolicyOptions
	var logs, side string
	c := &cobra.Command{
		Use:   "policy PLAYBOOK|scope",
		Short: "The least IAM policy for it",
		Long: "Prints the IAM policies, generated from the calls that the playbook's actions declare; or what cordon scope needs.\n" +
			"Where a playbook acts on the organisation too, the credentials for that have a policy of their own: --side management.",
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "scope" {
				text, err := deploy.ScopePolicyText(o.Partition, logs)
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(a.stdout, text)
				return err
			}
			p, err := a.book(args[0])
			if err != nil {
				return err
			}
			if o.Side, err = deploy.ParseSide(side); err != nil {
				return fmt.Errorf("%w: --side: %w", errUsage, err)
			}
			if !deploy.HasSide(p, o.Side) {
				return fmt.Errorf("%w: playbook %s calls nothing from the %s account: leave --side away", errUsage, p.Name, o.Side)
			}
			text, err := deploy.PolicyText(p, o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, text)
			return err
		},
	}
	c.Flags().BoolVar(&o.Release, "release", true, "with what release needs")
	c.Flags().StringVar(&o.CaseBucket, "case-bucket", "", "with what a case in this bucket needs")
	c.Flags().StringVar(&logs, "log-bucket", "", "scope: with what logs in this bucket, or bucket/prefix, need")
	c.Flags().StringVar(&side, "side", string(deploy.Member), "whose credentials: member (the account's) or management (the organisation's)")
	c.Flags().StringVar(&o.Partition, "partition", "aws", "aws, aws-cn or aws-us-gov")
	c.Flags().StringVar(&o.Account, "account", "", "narrow to this account where the actions allow")
	return c
}

func (a *app) book(name string) (playbook.Playbook, error) {
	p, ok := playbook.For(name)
	if ok {
		return p, nil
	}
	var names []string
	for _, p := range playbook.All {
		names = append(names, p.Name)
	}
	return p, fmt.Errorf("%w: there is no playbook %q; there is: %s", errUsage, name, strings.Join(names, ", "))
}
