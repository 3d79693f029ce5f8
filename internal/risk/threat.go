package risk

import (
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"tickmark/content"
)

// Threat is a common threat to begin from. It is no risk: nobody rated it, and nobody owns it.
type Threat struct {
	Title      string   `yaml:"title"`
	Threat     string   `yaml:"threat"` // who or what could bring it about
	Source     string   `yaml:"source"` // as a risk's
	Weaknesses []string `yaml:"weaknesses"`
	Affects    []string `yaml:"affects"`
	Ask        string   `yaml:"ask"` // what people ask themselves about it
}

// Threats are the common threats of this release.
var Threats = sync.OnceValues(func() ([]Threat, error) {
	data, err := content.Risk.ReadFile("risk/threats.yaml")
	if err != nil {
		return nil, err
	}
	var file struct {
		Threats []Threat `yaml:"threats"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read the common threats: %w", err)
	}
	k := Kind()
	source, _ := k.FieldNamed("source")
	affects, _ := k.FieldNamed("affects")
	for _, t := range file.Threats {
		wrong := t.Title == "" || t.Threat == "" || t.Ask == "" || len(t.Weaknesses) == 0 || len(t.Affects) == 0 || !slices.Contains(source.Choices, t.Source)
		for _, a := range t.Affects {
			wrong = wrong || !slices.Contains(affects.Choices, a)
		}
		if wrong {
			return nil, fmt.Errorf("the common threat %q lacks something, or names what a risk does not know", t.Title)
		}
	}
	return file.Threats, nil
})
