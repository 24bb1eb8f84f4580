package drill

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

// alarm is what a finding says beyond the instance it is about.
type alarm struct {
	kind     string
	severity float64
	title    string
	action   *types.Action
	key      *types.AccessKeyDetails // set: the finding is about a key that came from the instance
}

// Where the intruders of the drills are: addresses set apart for examples
// (RFC 5737), none of which the simulator hands out.
const (
	poolAddress     = "203.0.113.23"
	intruderAddress = "203.0.113.9"
)

// report makes GuardDuty say it, of an instance or, where that is "", of the key alone: the finding is kept in the region's detector,
// where GetFindings has it, and given in the shape that EventBridge delivers.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html
func (e *estate) report(instance string, a alarm) []byte {
	detector := strings.ReplaceAll(e.world.ID("d")+e.world.ID("d"), "d-", "")[:32]
	id := strings.ReplaceAll(e.world.ID("f")+e.world.ID("f"), "f-", "")[:32]
	stamp := func(ago time.Duration) *string {
		return aws.String(e.now.Add(-ago).Format("2006-01-02T15:04:05.000Z"))
	}
	f := types.Finding{
		SchemaVersion: aws.String("2.0"), AccountId: aws.String(account), Region: aws.String(e.region), Partition: aws.String(e.partition),
		Id: aws.String(id), Arn: aws.String(e.arnOf("guardduty", e.region, account, "detector/"+detector+"/finding/"+id)),
		Type: aws.String(a.kind), Severity: aws.Float64(a.severity), Title: aws.String(a.title), Description: aws.String(a.title),
		CreatedAt: stamp(4 * time.Minute), UpdatedAt: stamp(4 * time.Minute),
		Resource: &types.Resource{ResourceType: aws.String("Instance")},
		Service: &types.Service{
			ServiceName: aws.String("guardduty"), DetectorId: aws.String(detector), ResourceRole: aws.String("TARGET"),
			Archived: aws.Bool(false), Count: aws.Int32(3), EventFirstSeen: stamp(50 * time.Minute), EventLastSeen: stamp(6 * time.Minute),
			AdditionalInfo: &types.ServiceAdditionalInfo{Type: aws.String("default"), Value: aws.String("{}")},
			Action:         a.action,
		},
	}
	if instance != "" {
		f.Resource.InstanceDetails = e.details(instance)
	}
	if a.key != nil {
		f.Resource.ResourceType, f.Resource.AccessKeyDetails = aws.String("AccessKey"), a.key
	}
	e.world.AddDetector(e.region, detector, f)
	event, err := json.MarshalIndent(map[string]any{
		"version": "0", "id": "0a1b2c3d-0000-4000-8000-" + id[:12], "detail-type": "GuardDuty Finding", "source": "aws.guardduty",
		"account": account, "region": e.region, "time": e.now.Format(time.RFC3339), "resources": []string{}, "detail": onTheWire(reflect.ValueOf(f)),
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("drill: a finding that is no JSON: %v", err)) // strings, numbers and lists alone
	}
	return append(event, '\n')
}

// onTheWire gives the members of an SDK structure the names they have in
// GuardDuty's own JSON: the same, with a small first letter.
func onTheWire(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return onTheWire(v.Elem())
	case reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, onTheWire(v.Index(i)))
		}
		return list
	case reflect.Struct:
		members := map[string]any{}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || v.Field(i).IsZero() {
				continue
			}
			first, size := utf8.DecodeRuneInString(f.Name)
			members[string(unicode.ToLower(first))+f.Name[size:]] = onTheWire(v.Field(i))
		}
		return members
	default:
		return v.Interface()
	}
}

// details describes the instance as it stands now.
func (e *estate) details(id string) *types.InstanceDetails {
	var d types.InstanceDetails
	e.edit(func(r *awssim.Region) {
		i := r.Instances[id]
		d = types.InstanceDetails{
			InstanceId: aws.String(id), InstanceType: aws.String(i.Type), LaunchTime: aws.String(i.Launched.Format("2006-01-02T15:04:05.000Z")),
			InstanceState: aws.String(i.State), AvailabilityZone: aws.String(i.Zone), ImageId: aws.String(i.Image),
			ImageDescription: aws.String(r.Images[i.Image].Name), ProductCodes: []types.ProductCode{},
		}
		if p := r.ProfileAssociations[id]; p != nil {
			d.IamInstanceProfile = &types.IamInstanceProfile{Arn: aws.String(p.ProfileARN), Id: aws.String(p.ProfileID)}
		}
		for k, v := range i.Tags {
			d.Tags = append(d.Tags, types.Tag{Key: aws.String(k), Value: aws.String(v)})
		}
	})
	slices.SortFunc(d.Tags, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	for _, p := range e.interfaces(id) {
		n := types.NetworkInterface{
			NetworkInterfaceId: aws.String(p.ID), SubnetId: aws.String(p.Subnet), VpcId: aws.String(p.VPC), Ipv6Addresses: slices.Clone(p.IPv6),
			PublicDnsName: aws.String(""),
		}
		if p.publicIP != "" {
			n.PublicIp = aws.String(p.publicIP)
		}
		for _, ip := range p.PrivateIPs {
			dns := aws.String("ip-" + strings.ReplaceAll(ip, ".", "-") + "." + e.region + ".compute.internal")
			n.PrivateIpAddresses = append(n.PrivateIpAddresses, types.PrivateIpAddressDetails{PrivateIpAddress: aws.String(ip), PrivateDnsName: dns})
			if n.PrivateIpAddress == nil {
				n.PrivateIpAddress, n.PrivateDnsName = aws.String(ip), dns
			}
		}
		for _, g := range p.Groups {
			n.SecurityGroups = append(n.SecurityGroups, types.SecurityGroup{GroupId: aws.String(g), GroupName: aws.String(p.groups[g])})
		}
		d.NetworkInterfaces = append(d.NetworkInterfaces, n)
	}
	return &d
}

// mining is a connection from the instance to a mining pool.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-ec2.html
func (e *estate) mining(instance string) alarm {
	local := e.interfaces(instance)[0]
	connection := &types.NetworkConnectionAction{
		ConnectionDirection: aws.String("OUTBOUND"), Protocol: aws.String("TCP"), Blocked: aws.Bool(false),
		LocalPortDetails:  &types.LocalPortDetails{Port: aws.Int32(48122), PortName: aws.String("Unknown")},
		RemotePortDetails: &types.RemotePortDetails{Port: aws.Int32(3333), PortName: aws.String("Unknown")},
		RemoteIpDetails:   remote(poolAddress), LocalNetworkInterface: aws.String(local.ID),
	}
	if ip := local.privateIP(); ip != "" {
		connection.LocalIpDetails = &types.LocalIpDetails{IpAddressV4: aws.String(ip)}
	}
	return alarm{
		kind: "CryptoCurrency:EC2/BitcoinTool.B", severity: 8,
		title:  "The EC2 instance " + instance + " is communicating with an IP address associated with cryptocurrency-related activity.",
		action: &types.Action{ActionType: aws.String("NETWORK_CONNECTION"), NetworkConnectionAction: connection},
	}
}

func remote(address string) *types.RemoteIpDetails {
	return &types.RemoteIpDetails{
		IpAddressV4:  aws.String(address),
		Country:      &types.Country{CountryName: aws.String("Netherlands")},
		City:         &types.City{CityName: aws.String("Amsterdam")},
		GeoLocation:  &types.GeoLocation{Lat: aws.Float64(52.37), Lon: aws.Float64(4.9)},
		Organization: &types.Organization{Asn: aws.String("64496"), AsnOrg: aws.String("Example hosting"), Isp: aws.String("Example hosting"), Org: aws.String("Example hosting")},
	}
}
