package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"cordon/internal/action"
)

// connection is how AWS is reached.
type connection struct {
	profile, region, roleARN, externalID, endpoint string
	management                                     string      // profile of the organisation's management account
	anywhere                                       string      // the region where neither --region nor the configuration names one; "": that is an error
	guessed                                        bool        // anywhere was taken
	sim                                            *action.AWS // set by the drill: the simulated account
}

// reaches adds the flags of the commands that reach AWS.
func (a *app) reaches(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.conn.profile, "profile", "", "AWS profile (`NAME`)")
	f.StringVar(&a.conn.region, "region", "", "AWS `REGION` (default: the finding's, where there is one, else the profile's)")
	f.StringVar(&a.conn.roleARN, "role-arn", "", "role to assume in the member account (`ROLE`)")
	f.StringVar(&a.conn.externalID, "external-id", "", "external id for --role-arn (`TEXT`)")
	f.StringVar(&a.conn.management, "management-profile", "", "AWS profile of the organisation's management account (`NAME`), or of its delegated administrator; default: the credentials that assume --role-arn, where they are of that account")
	f.StringVar(&a.conn.endpoint, "endpoint-url", "", "an emulator's address (`URL`), for tests; the environment's is ignored")
}

// connect makes the clients and asks who the caller is. Endpoints from the environment and the configuration
// file are ignored: on a responder's machine they are a way to send the calls elsewhere.
func (a *app) connect(ctx context.Context) (*action.AWS, error) {
	if a.conn.sim != nil {
		return a.conn.sim, nil
	}
	if err := os.Setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"); err != nil {
		return nil, fmt.Errorf("prepare to reach AWS: %w", err)
	}
	cfg, err := a.configure(ctx, a.conn.profile)
	if err != nil {
		return nil, err
	}
	base := cfg
	if a.conn.roleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(base), a.conn.roleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "cordon"
			if a.conn.externalID != "" {
				o.ExternalID = aws.String(a.conn.externalID)
			}
		}))
	}
	c := action.Connect(cfg)
	if err := c.Identify(ctx); err != nil {
		if action.Code(err) == "" && ctx.Err() == nil {
			err = fmt.Errorf("%w\n(log in first, with aws sso login or the like, or name a profile with --profile)", err)
		}
		if a.conn.guessed {
			err = fmt.Errorf("%w\n(asked in %s, since no region is named: credentials of AWS GovCloud or China want --region)", err, cfg.Region)
		}
		return nil, err
	}
	c.Management, err = a.manage(ctx, base)
	return c, err
}

// configure reads one profile's configuration.
func (a *app) configure(ctx context.Context, profile string) (aws.Config, error) {
	opts := []func(*config.LoadOptions) error{config.WithSharedConfigProfile(profile)}
	if a.conn.region != "" {
		opts = append(opts, config.WithRegion(a.conn.region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cfg, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region, a.conn.guessed = a.conn.anywhere, true
	}
	if cfg.Region == "" {
		return cfg, fmt.Errorf("%w: no region: name one with --region", errUsage)
	}
	if a.conn.endpoint != "" {
		cfg.BaseEndpoint = aws.String(a.conn.endpoint)
	}
	return cfg, nil
}

// manage connects to the organisation's management account: by a profile of its own, or by the credentials that
// assumed the role in the member account, where they are of the account that manages it. Nil: neither.
func (a *app) manage(ctx context.Context, base aws.Config) (*action.AWS, error) {
	if a.conn.management != "" {
		cfg, err := a.configure(ctx, a.conn.management)
		if err != nil {
			return nil, err
		}
		c := action.Connect(cfg)
		if err := c.Identify(ctx); err != nil {
			return nil, fmt.Errorf("log in to the management account: %w", err)
		}
		return c, nil
	}
	if a.conn.roleARN == "" {
		return nil, nil
	}
	c := action.Connect(base)
	if err := c.Identify(ctx); err != nil {
		return nil, nil // they assumed the role all the same
	}
	if manages, err := c.Manages(ctx); err != nil || !manages {
		return nil, nil // whether these credentials manage the organisation is not known, and they are not used for it
	}
	return c, nil
}
