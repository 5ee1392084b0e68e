package analyze

// index knows where each state of a study lies in its store. It takes eight
// bytes a state, since a study of many prompts has millions.
type index struct {
	variants int
	places   []place
	number   map[place]int
	at       [][]int64 // (places * variants) by prompt: 1 + its place in the store; 0 or beyond the end where there is none
}

// place is a layer and site at which all prompts and variants have a state.
type place struct{ Layer, Site string }

func newIndex(variants int) *index {
	return &index{variants: variants, number: map[place]int{}}
}

// row is the list of a place and variant; a place that is not known is added.
func (x *index) row(p place, variant int) *[]int64 {
	n, ok := x.number[p]
	if !ok {
		n = len(x.places)
		x.number[p] = n
		x.places = append(x.places, p)
		x.at = append(x.at, make([][]int64, x.variants)...)
	}
	return &x.at[n*x.variants+variant]
}

// set notes where a state lies.
func (x *index) set(p place, variant, prompt int, at int64) {
	row := x.row(p, variant)
	for len(*row) <= prompt {
		*row = append(*row, 0)
	}
	(*row)[prompt] = at + 1
}

// get finds a state.
func (x *index) get(p place, variant, prompt int) (at int64, ok bool) {
	n, ok := x.number[p]
	if !ok {
		return 0, false
	}
	row := x.at[n*x.variants+variant]
	if prompt >= len(row) || row[prompt] == 0 {
		return 0, false
	}
	return row[prompt] - 1, true
}
