package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/layerclust/layerclust/extract"
)

// layerSet is the choice of --layers: hidden_states indices 0..last.
type layerSet struct {
	chosen []bool // (L+1)
}

// layerRange matches "5", "-1", "0-5", "3--1".
var layerRange = regexp.MustCompile(`^(-?\d{1,6})(?:-(-?\d{1,6}))?$`)

// parseLayers reads "0-5,12,-1" for a model of l blocks; "" is every layer.
// Negative indices count from the end, -1 being layer L.
func parseLayers(text string, l int) (*layerSet, error) {
	s := &layerSet{chosen: make([]bool, l+1)}
	if text == "" {
		text = "0--1"
	}
	for _, part := range strings.Split(text, ",") {
		m := layerRange.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, usageError{fmt.Errorf("--layers %s: %q is not an index or a range", text, part)}
		}
		lo, err := layerIndex(m[1], l)
		if err != nil {
			return nil, err
		}
		hi := lo
		if m[2] != "" {
			if hi, err = layerIndex(m[2], l); err != nil {
				return nil, err
			}
		}
		if hi < lo {
			return nil, usageError{fmt.Errorf("--layers %s: the range %q runs backwards", text, part)}
		}
		for i := lo; i <= hi; i++ {
			s.chosen[i] = true
		}
	}
	return s, nil
}

func layerIndex(text string, l int) (int, error) {
	i, err := strconv.Atoi(text)
	if err != nil {
		return 0, usageError{fmt.Errorf("--layers: %q is not a number", text)}
	}
	if i < 0 {
		i += l + 1
	}
	if i < 0 || i > l {
		return 0, usageError{fmt.Errorf("--layers: %s is outside the %d layers 0 to %d", text, l+1, l)}
	}
	return i, nil
}

// has says whether a state is among the chosen. Block b, for attn and mlp,
// goes with the hidden_states index b+1 that it leads to.
func (s *layerSet) has(st extract.States) bool {
	if st.Site != extract.Resid {
		return s.chosen[st.Layer+1]
	}
	return s.chosen[st.Layer]
}

// last is the deepest layer chosen.
func (s *layerSet) last() int {
	for i := len(s.chosen) - 1; i > 0; i-- {
		if s.chosen[i] {
			return i
		}
	}
	return 0
}

// all says whether nothing is left out.
func (s *layerSet) all() bool { return len(s.indices()) == len(s.chosen) }

// indices lists the chosen layers, ascending.
func (s *layerSet) indices() []int {
	var list []int
	for i, c := range s.chosen {
		if c {
			list = append(list, i)
		}
	}
	return list
}
