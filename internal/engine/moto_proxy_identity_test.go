package engine_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// lacking is what moto does not know of users, roles and organisations, and how these tests go on without it. What
// the proxy keeps goes over the wire as to AWS, and proves what is sent and read; it is no independent account.
var lacking = []struct{ service, operation, target, instead string }{
	{"iam", "ListOrganizationsFeatures", "", "the proxy says that central root access is not enabled"},
	{"iam", "ListServiceSpecificCredentials", "", "the proxy keeps the credentials"},
	{"iam", "UpdateServiceSpecificCredential", "", "the proxy keeps the credentials"},
	{"iam", "AddClientIDToOpenIDConnectProvider", "", "the proxy makes the provider anew with that client id"},
	{"iam", "RemoveClientIDFromOpenIDConnectProvider", "", "the proxy makes the provider anew without that client id"},
	{"sts", "AssumeRoot", "", "sessions of the root user are not tried over HTTP: internal/awssim alone has them"},
	{"identitystore", "UpdateUser", "AWSIdentityStore", "the proxy refuses it: that a user is disabled is not tried over HTTP, internal/awssim alone has it"},
	{"sso", "ListAccountAssignmentDeletionStatus", "SWBExternalService", "the proxy says that none is under way: moto's end at once"},
	{"account", "/getContactInformation", "", "the proxy gives an address"},
	{"cloudtrail", "LookupEvents", "CloudTrail_20131101", "event history is not tried over HTTP: internal/awssim and the logs of the tests have it"},
}

// TestMotoLacks names each operation of that list, and fails for one that moto has learnt: it is to be used then.
func TestMotoLacks(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	for _, l := range lacking {
		t.Run(l.service+" "+l.operation, func(t *testing.T) {
			body, kind := url.Values{"Action": {l.operation}, "Version": {map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[l.service]}}.Encode(), "application/x-www-form-urlencoded"
			if l.target != "" {
				body, kind = "{}", "application/x-amz-json-1.1"
			}
			path := ""
			if strings.HasPrefix(l.operation, "/") {
				path, body, kind = l.operation, "{}", "application/json"
			}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, moto+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", kind)
			request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261126/us-east-1/"+l.service+"/aws4_request, SignedHeaders=host, Signature=0")
			if l.target != "" {
				request.Header.Set("X-Amz-Target", l.target+"."+l.operation)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if !isHTML(answer) {
				t.Fatalf("moto knows it (status %d): %.200s", response.StatusCode, answer)
			}
			t.Skipf("skipped: moto lacks it: %s", l.instead)
		})
	}
}

// serviceCredential is a password or key of a user for one service.
type serviceCredential struct{ id, user, service, status string }

// answerIdentity serves what moto lacks around identities, with the names of the API references
// (docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html and its neighbours,
// docs.aws.amazon.com/accounts/latest/reference/API_GetContactInformation.html).
func (p *proxy) answerIdentity(w http.ResponseWriter, r *http.Request, c call) bool {
	switch c.operation {
	case "DescribeUser":
		if c.service != "identitystore" {
			return false
		}
		p.describeUser(w, r, c)
	case "UpdateUser":
		if c.service != "identitystore" {
			return false
		}
		http.Error(w, `{"__type":"ValidationException","message":"there is no such attribute"}`, http.StatusBadRequest)
	case "ListAccountAssignmentDeletionStatus":
		p.json(w, map[string]any{"AccountAssignmentsDeletionStatus": []any{}})
	case "POST /getContactInformation":
		p.json(w, map[string]any{"ContactInformation": map[string]string{
			"FullName": "Example Corp", "AddressLine1": "1 Example Way", "City": "Dublin", "CountryCode": "IE", "PostalCode": "D01", "PhoneNumber": "+353-1-555-0100",
		}})
	case "ListOrganizationsFeatures":
		p.iamXML(w, c, "<OrganizationId>o-exampleorgid</OrganizationId><EnabledFeatures/>")
	case "ListServiceSpecificCredentials":
		p.iamXML(w, c, "<ServiceSpecificCredentials>"+p.servicesOf(c.form.Get("UserName"))+"</ServiceSpecificCredentials><IsTruncated>false</IsTruncated>")
	case "UpdateServiceSpecificCredential":
		p.setService(c)
		p.iamXML(w, c, "")
	case "AddClientIDToOpenIDConnectProvider", "RemoveClientIDFromOpenIDConnectProvider":
		p.setClients(r, c)
		p.iamXML(w, c, "")
	default:
		return false
	}
	return true
}

// describeUser adds a user's status to moto's answer, which lacks it
// (docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_DescribeUser.html). Who was made is enabled.
func (p *proxy) describeUser(w http.ResponseWriter, r *http.Request, c call) {
	response, err := p.pass(r, []byte(c.body))
	if err != nil {
		p.t.Errorf("ask moto %s: %v", c.operation, err)
		return
	}
	defer response.Body.Close()
	var user map[string]any
	if err := json.NewDecoder(response.Body).Decode(&user); err != nil || response.StatusCode != http.StatusOK {
		p.t.Errorf("ask moto %s: status %d, %v", c.operation, response.StatusCode, err)
	}
	if user["UserStatus"] != nil {
		p.t.Error("moto has learnt the status of users: it is to be used")
	}
	user["UserStatus"] = "ENABLED"
	p.json(w, user)
}

func (p *proxy) iamXML(w http.ResponseWriter, c call, result string) {
	w.Header().Set("Content-Type", "text/xml")
	if result != "" {
		result = "<" + c.operation + "Result>" + result + "</" + c.operation + "Result>"
	}
	fmt.Fprintf(w, `<%[1]sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">%[2]s<ResponseMetadata><RequestId>proxy</RequestId></ResponseMetadata></%[1]sResponse>`, c.operation, result)
}

func (p *proxy) servicesOf(user string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var members strings.Builder
	for _, s := range p.services {
		if s.user == user {
			fmt.Fprintf(&members, "<member><UserName>%s</UserName><ServiceSpecificCredentialId>%s</ServiceSpecificCredentialId><ServiceName>%s</ServiceName><ServiceUserName>%s-at-1</ServiceUserName><Status>%s</Status><CreateDate>2026-01-02T03:04:05Z</CreateDate></member>",
				escaped(s.user), escaped(s.id), escaped(s.service), escaped(s.user), escaped(s.status))
		}
	}
	return members.String()
}

func (p *proxy) setService(c call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.services, func(s serviceCredential) bool {
		return s.id == c.form.Get("ServiceSpecificCredentialId") && s.user == c.form.Get("UserName")
	})
	if status := c.form.Get("Status"); i < 0 || status != "Active" && status != "Inactive" {
		p.t.Errorf("%s of nothing that there is: %s", c.operation, c.body)
		return
	}
	p.services[i].status = c.form.Get("Status")
}

// setClients makes the provider anew in moto with other client ids.
func (p *proxy) setClients(r *http.Request, c call) {
	p.remaking.Lock()
	defer p.remaking.Unlock()
	arn, id := c.form.Get("OpenIDConnectProviderArn"), c.form.Get("ClientID")
	var had struct {
		URL     string   `xml:"GetOpenIDConnectProviderResult>Url"`
		Clients []string `xml:"GetOpenIDConnectProviderResult>ClientIDList>member"`
		Prints  []string `xml:"GetOpenIDConnectProviderResult>ThumbprintList>member"`
	}
	answer := p.put(r, url.Values{"Action": {"GetOpenIDConnectProvider"}, "OpenIDConnectProviderArn": {arn}})
	if err := xml.Unmarshal(answer, &had); err != nil || had.URL == "" || id == "" {
		p.t.Errorf("%s of a provider that there is not: %v\n%s\n%s", c.operation, err, c.body, answer)
		return
	}
	clients := slices.DeleteFunc(had.Clients, func(x string) bool { return x == id })
	if c.operation == "AddClientIDToOpenIDConnectProvider" {
		clients = append(clients, id)
	}
	p.put(r, url.Values{"Action": {"DeleteOpenIDConnectProvider"}, "OpenIDConnectProviderArn": {arn}})
	again := url.Values{"Action": {"CreateOpenIDConnectProvider"}, "Url": {had.URL}}
	if !strings.HasPrefix(had.URL, "https://") {
		again.Set("Url", "https://"+had.URL)
	}
	for i, x := range clients {
		again.Set("ClientIDList.member."+strconv.Itoa(i+1), x)
	}
	for i, x := range had.Prints {
		again.Set("ThumbprintList.member."+strconv.Itoa(i+1), x)
	}
	p.put(r, again)
}

// put sends moto a request of the proxy's own.
func (p *proxy) put(r *http.Request, form url.Values) []byte {
	form.Set("Version", "2010-05-08")
	response, err := p.pass(r, []byte(form.Encode()))
	if err != nil {
		p.t.Errorf("ask moto %s: %v", form.Get("Action"), err)
		return nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Errorf("ask moto %s: status %d, %v\n%s", form.Get("Action"), response.StatusCode, err, answer)
	}
	return answer
}
