package awssim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
)

func TestFindingsOfADetector(t *testing.T) {
	s := newScene(t)
	finding := func(id, kind string) types.Finding {
		return types.Finding{Id: aws.String(id), Type: aws.String(kind)}
	}
	s.AddDetector(testRegion, "d1", finding("f1", "A:EC2/X"), finding("f2", "B:EC2/Y"), finding("f3", "A:EC2/X"))
	c := guardduty.NewFromConfig(s.cfg)
	detectors, err := c.ListDetectors(ctx, &guardduty.ListDetectorsInput{})
	ok(t, err)
	same(t, "detectors", detectors.DetectorIds, []string{"d1"})
	list := func(criteria map[string]types.Condition) []string {
		t.Helper()
		var ids []string
		p := guardduty.NewListFindingsPaginator(c, &guardduty.ListFindingsInput{
			DetectorId: aws.String("d1"), FindingCriteria: &types.FindingCriteria{Criterion: criteria},
		})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			ok(t, err)
			ids = append(ids, out.FindingIds...)
		}
		return ids
	}
	same(t, "all", list(nil), []string{"f1", "f2", "f3"})
	same(t, "of a type", list(map[string]types.Condition{"type": {Equals: []string{"A:EC2/X"}}}), []string{"f1", "f3"})
	same(t, "archived", list(map[string]types.Condition{"service.archived": {Equals: []string{"true"}}}), nil)

	got, err := c.GetFindings(ctx, &guardduty.GetFindingsInput{DetectorId: aws.String("d1"), FindingIds: []string{"f2", "none"}})
	ok(t, err)
	if len(got.Findings) != 1 || *got.Findings[0].Type != "B:EC2/Y" {
		t.Errorf("got %+v", got.Findings)
	}
	_, err = c.GetFindings(ctx, &guardduty.GetFindingsInput{DetectorId: aws.String("none"), FindingIds: []string{"f2"}})
	wantCode(t, err, "BadRequestException")
}
