package workspace

import (
	"testing"

	"tickmark/content"
	"tickmark/internal/connector/result"
)

func TestTheLibrarysMappingsNameControlsThatThereAre(t *testing.T) {
	ids, err := ControlIDs()
	if err != nil {
		t.Fatal(err)
	}
	files, err := result.Library(content.Mapping)
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	m, err := result.ReadMapping(ids, files...)
	if err != nil || len(m) != len(Mapping()) {
		t.Errorf("%d lines of %d: %v", len(Mapping()), len(m), err)
	}
}
