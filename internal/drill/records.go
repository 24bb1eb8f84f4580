package drill

import (
	"encoding/json"
	"fmt"
	"time"

	"cordon/internal/awssim"
)

// act is one call as CloudTrail records it.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type act struct {
	who        map[string]any
	name       string // AssumeRole
	source     string // sts.amazonaws.com
	ago        time.Duration
	address    string
	parameters map[string]any
	response   map[string]any
}

// happened puts calls into the event history of the region, in their order.
func (e *estate) happened(acts ...act) {
	for _, a := range acts {
		e.records++
		record, err := json.Marshal(map[string]any{
			"eventVersion": "1.11", "eventID": fmt.Sprintf("0a1b2c3d-0000-4000-8000-%012x", e.records), "eventType": "AwsApiCall", "eventCategory": "Management",
			"eventName": a.name, "eventSource": a.source, "eventTime": e.now.Add(-a.ago).Format(time.RFC3339), "awsRegion": e.region,
			"userIdentity": a.who, "sourceIPAddress": a.address, "userAgent": "aws-cli/2.31.0", "requestParameters": a.parameters, "responseElements": a.response,
			"recipientAccountId": account, "readOnly": false, "managementEvent": true,
		})
		if err != nil {
			panic(fmt.Sprintf("drill: a record that is no JSON: %v", err)) // strings, numbers and maps alone
		}
		e.world.AddEvents(e.region, string(record))
	}
}

// stranger is a principal of another account, as the records of this one show it: by its account and unique id, without
// a name.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
func stranger(owner, id string) map[string]any {
	return map[string]any{"type": "AWSAccount", "principalId": id, "accountId": owner}
}

// holder is a session of a role with its key.
func (e *estate) holder(role *awssim.Role, session, key string) map[string]any {
	return map[string]any{
		"type": "AssumedRole", "principalId": role.ID + ":" + session, "accountId": account, "accessKeyId": key,
		"arn": e.arnOf("sts", "", account, "assumed-role/"+role.Name+"/"+session),
		"sessionContext": map[string]any{"sessionIssuer": map[string]any{
			"type": "Role", "principalId": role.ID, "arn": role.ARN, "accountId": account, "userName": role.Name,
		}},
	}
}

// assumes is a role being assumed, and the key that came of it.
func (e *estate) assumes(who map[string]any, role *awssim.Role, session, key string, ago time.Duration) act {
	return act{
		who: who, name: "AssumeRole", source: "sts.amazonaws.com", ago: ago, address: intruderAddress,
		parameters: map[string]any{"roleArn": role.ARN, "roleSessionName": session},
		response: map[string]any{
			"credentials":     map[string]any{"accessKeyId": key, "expiration": e.now.Add(time.Hour - ago).Format("Jan 2, 2006, 3:04:05 PM")},
			"assumedRoleUser": map[string]any{"assumedRoleId": role.ID + ":" + session, "arn": e.arnOf("sts", "", account, "assumed-role/"+role.Name+"/"+session)},
		},
	}
}
