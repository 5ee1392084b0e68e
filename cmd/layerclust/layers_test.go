package main

import (
	"errors"
	"slices"
	"testing"
)

func TestParseLayers(t *testing.T) {
	for text, want := range map[string][]int{
		"":               {0, 1, 2, 3, 4, 5},
		"3":              {3},
		"-1":             {5},
		"0-2,4":          {0, 1, 2, 4},
		"-2--1":          {4, 5},
		"3--1, 0":        {0, 3, 4, 5},
		"2,2,1-3":        {1, 2, 3},
		"-6":             {0},
		"0-5":            {0, 1, 2, 3, 4, 5},
		"000001-0000002": nil, // seven digits
	} {
		s, err := parseLayers(text, 5)
		if want == nil {
			if !errors.As(err, new(usageError)) {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := s.indices(); !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
		if s.last() != want[len(want)-1] || s.all() != (len(want) == 6) {
			t.Errorf("%q: last %d, all %v", text, s.last(), s.all())
		}
	}
	for _, text := range []string{",", "1,", "6", "-7", "3-1", "1-2-3", "a", "1.5", "-", "--1", "0-9", " ", "99999999"} {
		if _, err := parseLayers(text, 5); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}
