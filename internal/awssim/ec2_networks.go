package awssim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func describeVpcs(r *Request, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.VpcIds, ""); err != nil {
		return nil, err
	}
	fields := func(v *VPC, filter string) ([]string, bool) {
		switch filter {
		case "vpc-id":
			return []string{v.ID}, true
		case "cidr":
			return []string{v.CIDR}, true
		case "is-default":
			return []string{yesNo(v.Default)}, true
		}
		return nil, false
	}
	found, err := list(r, vpcKind, r.Region.VPCs, in.VpcIds, in.Filters, fields, func(v *VPC) map[string]string { return v.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(v *VPC) string { return v.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{NextToken: next}
	for _, v := range found {
		d := ec2types.Vpc{
			VpcId: aws.String(v.ID), CidrBlock: aws.String(v.CIDR), IsDefault: aws.Bool(v.Default), State: ec2types.VpcStateAvailable,
			OwnerId: aws.String(r.Account.ID), InstanceTenancy: ec2types.TenancyDefault, Tags: ec2Tags(v.Tags),
			CidrBlockAssociationSet: []ec2types.VpcCidrBlockAssociation{{
				CidrBlock: aws.String(v.CIDR), CidrBlockState: &ec2types.VpcCidrBlockState{State: ec2types.VpcCidrBlockStateCodeAssociated},
			}},
		}
		if v.IPv6CIDR != "" {
			d.Ipv6CidrBlockAssociationSet = []ec2types.VpcIpv6CidrBlockAssociation{{
				Ipv6CidrBlock: aws.String(v.IPv6CIDR), Ipv6CidrBlockState: &ec2types.VpcCidrBlockState{State: ec2types.VpcCidrBlockStateCodeAssociated},
			}}
		}
		out.Vpcs = append(out.Vpcs, d)
	}
	return out, nil
}

func describeSubnets(r *Request, in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.SubnetIds, ""); err != nil {
		return nil, err
	}
	fields := func(s *Subnet, filter string) ([]string, bool) {
		switch filter {
		case "subnet-id":
			return []string{s.ID}, true
		case "vpc-id":
			return []string{s.VPC}, true
		case "availability-zone":
			return []string{s.Zone}, true
		case "cidr-block":
			return some(s.CIDR), true
		}
		return nil, false
	}
	found, err := list(r, subnetKind, r.Region.Subnets, in.SubnetIds, in.Filters, fields, func(s *Subnet) map[string]string { return s.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(s *Subnet) string { return s.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsOutput{NextToken: next}
	for _, s := range found {
		d := ec2types.Subnet{
			SubnetId: aws.String(s.ID), VpcId: aws.String(s.VPC), AvailabilityZone: aws.String(s.Zone), CidrBlock: opt(s.CIDR),
			State: ec2types.SubnetStateAvailable, MapPublicIpOnLaunch: aws.Bool(s.MapPublicIP), OwnerId: aws.String(r.Account.ID),
			SubnetArn: aws.String(r.arn("ec2", "subnet/"+s.ID)), Tags: ec2Tags(s.Tags),
		}
		if s.IPv6CIDR != "" {
			d.Ipv6CidrBlockAssociationSet = []ec2types.SubnetIpv6CidrBlockAssociation{{
				Ipv6CidrBlock: aws.String(s.IPv6CIDR), Ipv6CidrBlockState: &ec2types.SubnetCidrBlockState{State: ec2types.SubnetCidrBlockStateCodeAssociated},
			}}
		}
		out.Subnets = append(out.Subnets, d)
	}
	return out, nil
}

func describeRouteTables(r *Request, in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 100, in.RouteTableIds, ""); err != nil {
		return nil, err
	}
	fields := func(t *RouteTable, filter string) ([]string, bool) {
		switch filter {
		case "route-table-id", "association.route-table-id":
			return []string{t.ID}, true
		case "vpc-id":
			return []string{t.VPC}, true
		case "association.subnet-id":
			return t.Subnets, true
		case "association.main":
			return []string{yesNo(t.Main)}, true
		}
		return nil, false
	}
	found, err := list(r, routeTableKind, r.Region.RouteTables, in.RouteTableIds, in.Filters, fields, func(t *RouteTable) map[string]string { return t.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(t *RouteTable) string { return t.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{NextToken: next}
	for _, t := range found {
		d := ec2types.RouteTable{RouteTableId: aws.String(t.ID), VpcId: aws.String(t.VPC), OwnerId: aws.String(r.Account.ID), Tags: ec2Tags(t.Tags)}
		associated := &ec2types.RouteTableAssociationState{State: ec2types.RouteTableAssociationStateCodeAssociated}
		if t.Main {
			d.Associations = append(d.Associations, ec2types.RouteTableAssociation{RouteTableId: aws.String(t.ID), Main: aws.Bool(true), AssociationState: associated})
		}
		for _, s := range t.Subnets {
			d.Associations = append(d.Associations, ec2types.RouteTableAssociation{
				RouteTableId: aws.String(t.ID), Main: aws.Bool(false), SubnetId: aws.String(s), AssociationState: associated,
			})
		}
		for _, route := range t.Routes {
			d.Routes = append(d.Routes, describeRoute(route))
		}
		out.RouteTables = append(out.RouteTables, d)
	}
	return out, nil
}

// describeRoute puts destination and target in the fields of their kind.
func describeRoute(route Route) ec2types.Route {
	d := ec2types.Route{State: ec2types.RouteStateActive, Origin: ec2types.RouteOrigin(orElse(route.Origin, "CreateRoute"))}
	switch {
	case strings.HasPrefix(route.Destination, "pl-"):
		d.DestinationPrefixListId = aws.String(route.Destination)
	case strings.Contains(route.Destination, ":"):
		d.DestinationIpv6CidrBlock = aws.String(route.Destination)
	default:
		d.DestinationCidrBlock = aws.String(route.Destination)
	}
	target := aws.String(route.Target)
	switch prefix, _, _ := strings.Cut(route.Target, "-"); prefix {
	case "nat":
		d.NatGatewayId = target
	case "eni":
		d.NetworkInterfaceId = target
	case "tgw":
		d.TransitGatewayId = target
	case "pcx":
		d.VpcPeeringConnectionId = target
	case "eigw":
		d.EgressOnlyInternetGatewayId = target
	default: // "local", internet gateways, and gateway endpoints
		d.GatewayId = target
	}
	return d
}

func describeVpcEndpoints(r *Request, in *ec2.DescribeVpcEndpointsInput) (*ec2.DescribeVpcEndpointsOutput, error) {
	if err := checkLimit(in.MaxResults, 1, 1000000, in.VpcEndpointIds, ""); err != nil {
		return nil, err
	}
	fields := func(e *Endpoint, filter string) ([]string, bool) {
		switch filter {
		case "vpc-endpoint-id":
			return []string{e.ID}, true
		case "vpc-id":
			return []string{e.VPC}, true
		case "service-name":
			return []string{e.Service}, true
		case "vpc-endpoint-state":
			return []string{e.State}, true
		case "vpc-endpoint-type":
			return []string{e.Type}, true
		}
		return nil, false
	}
	found, err := list(r, endpointKind, r.Region.Endpoints, in.VpcEndpointIds, in.Filters, fields, func(e *Endpoint) map[string]string { return e.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(e *Endpoint) string { return e.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcEndpointsOutput{NextToken: next}
	for _, e := range found {
		d := ec2types.VpcEndpoint{
			VpcEndpointId: aws.String(e.ID), VpcId: aws.String(e.VPC), ServiceName: aws.String(e.Service), State: ec2types.State(e.State),
			VpcEndpointType: ec2types.VpcEndpointType(e.Type), PolicyDocument: opt(e.Policy), PrivateDnsEnabled: aws.Bool(e.PrivateDNS),
			RouteTableIds: slices.Clone(e.RouteTables), SubnetIds: slices.Clone(e.Subnets), NetworkInterfaceIds: slices.Clone(e.Interfaces),
			OwnerId: aws.String(r.Account.ID), Tags: ec2Tags(e.Tags),
		}
		for _, g := range r.groupIdentifiers(e.Groups) {
			d.Groups = append(d.Groups, ec2types.SecurityGroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
		}
		out.VpcEndpoints = append(out.VpcEndpoints, d)
	}
	return out, nil
}

func describeInstanceConnectEndpoints(r *Request, in *ec2.DescribeInstanceConnectEndpointsInput) (*ec2.DescribeInstanceConnectEndpointsOutput, error) {
	if err := checkLimit(in.MaxResults, 1, 50, in.InstanceConnectEndpointIds, ""); err != nil {
		return nil, err
	}
	fields := func(e *ConnectEndpoint, filter string) ([]string, bool) {
		switch filter {
		case "instance-connect-endpoint-id":
			return []string{e.ID}, true
		case "vpc-id":
			return []string{e.VPC}, true
		case "subnet-id":
			return []string{e.Subnet}, true
		case "state":
			return []string{e.State}, true
		}
		return nil, false
	}
	found, err := list(r, connectKind, r.Region.ConnectEndpoints, in.InstanceConnectEndpointIds, in.Filters, fields, func(e *ConnectEndpoint) map[string]string { return e.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(e *ConnectEndpoint) string { return e.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceConnectEndpointsOutput{NextToken: next}
	for _, e := range found {
		out.InstanceConnectEndpoints = append(out.InstanceConnectEndpoints, ec2types.Ec2InstanceConnectEndpoint{
			InstanceConnectEndpointId: aws.String(e.ID), VpcId: aws.String(e.VPC), SubnetId: aws.String(e.Subnet),
			State: ec2types.Ec2InstanceConnectEndpointState(e.State), PreserveClientIp: aws.Bool(e.PreserveClientIP),
			SecurityGroupIds: slices.Clone(e.Groups), NetworkInterfaceIds: slices.Clone(e.Interfaces),
			OwnerId: aws.String(r.Account.ID), Tags: ec2Tags(e.Tags),
		})
	}
	return out, nil
}

func prefixListField(p *PrefixList, filter string) ([]string, bool) {
	switch filter {
	case "prefix-list-id":
		return []string{p.ID}, true
	case "prefix-list-name":
		return []string{p.Name}, true
	}
	return nil, false
}

// describePrefixLists shows AWS's own lists alone (API_DescribePrefixLists).
func describePrefixLists(r *Request, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	if err := checkLimit(in.MaxResults, 1, 1000, in.PrefixListIds, ""); err != nil {
		return nil, err
	}
	found, err := list(r, prefixListKind, r.Region.PrefixLists, in.PrefixListIds, in.Filters, prefixListField, func(*PrefixList) map[string]string { return nil })
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(p *PrefixList) bool { return p.Owner != "AWS" })
	found, next, err := page(r, found, func(p *PrefixList) string { return p.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribePrefixListsOutput{NextToken: next}
	for _, p := range found {
		out.PrefixLists = append(out.PrefixLists, ec2types.PrefixList{
			PrefixListId: aws.String(p.ID), PrefixListName: aws.String(p.Name), Cidrs: slices.Clone(p.CIDRs),
		})
	}
	return out, nil
}

func describeManagedPrefixLists(r *Request, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	if err := checkLimit(in.MaxResults, 1, 100, in.PrefixListIds, ""); err != nil {
		return nil, err
	}
	fields := func(p *PrefixList, filter string) ([]string, bool) {
		if filter == "owner-id" {
			return []string{p.Owner}, true
		}
		return prefixListField(p, filter)
	}
	found, err := list(r, prefixListKind, r.Region.PrefixLists, in.PrefixListIds, in.Filters, fields, func(*PrefixList) map[string]string { return nil })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(p *PrefixList) string { return p.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeManagedPrefixListsOutput{NextToken: next}
	for _, p := range found {
		out.PrefixLists = append(out.PrefixLists, ec2types.ManagedPrefixList{
			PrefixListId: aws.String(p.ID), PrefixListName: aws.String(p.Name), OwnerId: aws.String(p.Owner),
			AddressFamily: aws.String(orElse(p.Family, "IPv4")), State: ec2types.PrefixListStateCreateComplete,
		})
	}
	return out, nil
}
