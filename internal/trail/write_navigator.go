package trail

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A navigatorLayer is what the ATT&CK Navigator opens, format 4.5
// (github.com/mitre-attack/attack-navigator, layers/spec/v4.5/layerformat.md).
type navigatorLayer struct {
	Name        string               `json:"name"`
	Versions    navigatorVersions    `json:"versions"`
	Domain      string               `json:"domain"`
	Description string               `json:"description"`
	Sorting     int                  `json:"sorting"`
	Layout      navigatorLayout      `json:"layout"`
	Techniques  []navigatorTechnique `json:"techniques"`
	Gradient    navigatorGradient    `json:"gradient"`
}

type navigatorVersions struct {
	Attack    string `json:"attack"`
	Navigator string `json:"navigator"`
	Layer     string `json:"layer"`
}

type navigatorLayout struct {
	Layout   string `json:"layout"`
	ShowID   bool   `json:"showID"`
	ShowName bool   `json:"showName"`
	Expanded string `json:"expandedSubtechniques"`
}

type navigatorTechnique struct {
	ID      string `json:"techniqueID"`
	Score   int    `json:"score,omitempty"`
	Comment string `json:"comment,omitempty"`
	Enabled bool   `json:"enabled"`
	Shown   bool   `json:"showSubtechniques,omitempty"`
}

type navigatorGradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"` // above Min, or the Navigator refuses the layer
}

const (
	highestScore    = 3 // of the scores in the Navigator's sorting: 3 puts the highest first
	commentEvidence = 10
)

func writeNavigator(w io.Writer, d *Document) error { return writeJSON(w, navigatorOf(d)) }

// navigatorOf scores each technique with its events. A technique whose sub-technique was seen is opened.
func navigatorOf(d *Document) navigatorLayer {
	l := navigatorLayer{
		Name: "What was seen", Versions: navigatorVersions{Attack: "18", Navigator: "5.2.0", Layer: "4.5"}, Domain: "enterprise-attack",
		Description: "Score: events, denied attempts among them. Comment: evidence, as CloudTrail event ids.", Sorting: highestScore,
		Layout:     navigatorLayout{Layout: "side", ShowID: true, ShowName: true, Expanded: "annotated"},
		Techniques: []navigatorTechnique{}, Gradient: navigatorGradient{Colors: []string{"#fff3b0", "#e0401f"}, Max: 1},
	}
	by := map[string]*navigatorTechnique{}
	technique := func(id string) *navigatorTechnique {
		if by[id] == nil {
			by[id] = &navigatorTechnique{ID: id, Enabled: true}
		}
		return by[id]
	}
	for _, t := range d.Techniques {
		n := technique(t.AttackID)
		n.Score, n.Comment = t.Events, evidenceComment(t)
		l.Gradient.Max = max(l.Gradient.Max, t.Events)
		if parent, _, sub := strings.Cut(t.AttackID, "."); sub {
			technique(parent).Shown = true
		}
	}
	for _, n := range by {
		l.Techniques = append(l.Techniques, *n)
	}
	slices.SortFunc(l.Techniques, func(a, b navigatorTechnique) int { return cmp.Compare(a.ID, b.ID) })
	return l
}

func evidenceComment(t Technique) string {
	shown := t.Evidence[:min(len(t.Evidence), commentEvidence)]
	says := strings.Join(shown, "\n")
	if more := t.Events - len(shown); more > 0 {
		says += fmt.Sprintf("\nand %d more events", more)
	}
	return says
}
